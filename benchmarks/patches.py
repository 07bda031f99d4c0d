"""Plans in stages, by the memory planner's bytes: python -m benchmarks.patches [FOLDER]

The folder has the person detection of MLPerf Tiny, ``vww_mobilenet_int8.tflite`` (repository
mlcommons/tiny). Of each network the whole plan, and the plans of fewest bytes for at most so much
more work. ``input`` says what is counted: the whole image in the arena, the rows that are held of
one that comes row by row (``streamed``), or neither input nor output (``not counted``, as msf-CNN's
planner has it). Scratch of kernels is not in it. ``published`` is the arithmetic of MCUNetV2: no
input, no residuals, depthwise convolutions in place, 4 by 4 patches up to the first map of 28 by
28; beside it the same network as hwkit plans it. The figures do not depend on the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.csvfile import FOLDER, read, write
from benchmarks.networks import resnet8
from benchmarks.patch_networks import (
    cifar_resnet,
    layers_to,
    mobilenet_v2,
    mobilenet_v2_035,
    vww_80,
)
from hwkit.ir.graph import Graph
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.patch.costs import Costs
from hwkit.lower.patch.grid import in_grid
from hwkit.lower.patch.plan import PatchPlan, choices, plain, planned
from hwkit.lower.patch.search import front

FACTORS = (1.0, 1.05, 1.1, 1.18, 1.3)
"""Times the multiplications of the whole plan, at most."""
VWW = "vww_mobilenet_int8.tflite"


def costs_of(graph: Graph, given: str) -> Costs:
    """``given`` is "in the arena", "streamed" or "not counted"."""
    if given == "streamed":
        return Costs(graph, graph.inputs)
    return Costs(graph, (), (*graph.inputs, *graph.outputs) if given == "not counted" else ())


def plans(costs: Costs) -> Iterator[PatchPlan]:
    """The plan of fewest bytes for each factor."""
    fronts = [front(costs, found) for found in choices(costs)]
    for factor in FACTORS:
        most = factor * sum(costs.macs)
        least = {
            min((path for path in paths if path.macs <= most), key=lambda path: path.size_bytes)
            for paths in fronts
        }
        yield min((planned(costs, path) for path in least), key=lambda plan: plan.arena_bytes)


def rows(name: str, graph: Graph, given: str) -> Iterator[dict[str, Any]]:
    """Of one network; a plan that is no smaller than the one before is left out."""
    costs = costs_of(graph, given)
    whole = plain(costs)
    yield _row(name, given, "whole", whole)
    smallest = whole.arena_bytes
    for factor, plan in zip(FACTORS, plans(costs), strict=True):
        if plan.arena_bytes < smallest:
            yield _row(name, given, f"at most {factor:g}x", plan)
            smallest = plan.arena_bytes


def published() -> Iterator[dict[str, Any]]:
    """MobileNetV2 1.0 at 224, whole and in patches."""
    graph = mobilenet_v2(residuals=False)
    whole, patches = in_grid(graph, 0, 1), in_grid(graph, layers_to(graph, 28), 4)
    for label, grid, stages in (("whole", whole, 0), ("4x4 patches", patches, 1)):
        yield {
            "network": "mobilenet_v2",
            "input": "published",
            "plan": label,
            "arena_bytes": grid.arena_bytes,
            "work": f"{grid.macs / whole.macs:.4f}",
            "stages": stages,
            "evidence": "estimated",
        }


def _row(name: str, given: str, label: str, plan: PatchPlan) -> dict[str, Any]:
    return {
        "network": name,
        "input": given,
        "plan": label,
        "arena_bytes": plan.arena_bytes,
        "work": f"{plan.macs / plan.plain_macs:.4f}",
        "stages": len(plan.staged),
        "evidence": "estimated",
    }


def main(arguments: list[str]) -> None:
    """Writes ``patches.csv``; rows of networks that are not there stay."""
    found: list[dict[str, Any]] = []
    if arguments:
        from hwkit.importers import load_model

        vww = fuse_requantize(load_model(Path(arguments[0]) / VWW))
        for given in ("in the arena", "streamed", "not counted"):
            found += rows("vww", vww, given)
    for given in ("in the arena", "streamed"):
        found += rows("resnet8", resnet8(), given)
        found += rows("cifar_resnet", cifar_resnet(), given)
    found += rows("vww_80", vww_80(), "not counted")
    found += rows("mobilenet_v2_035", mobilenet_v2_035(), "not counted")
    found += rows("mobilenet_v2", mobilenet_v2(), "streamed")
    found += published()
    taken = {row["network"] for row in found}
    known = read("patches") if (FOLDER / "patches.csv").exists() else []
    write("patches", [*(old for old in known if old["network"] not in taken), *found])


if __name__ == "__main__":
    main(sys.argv[1:])
