"""What moving the receptive field to later layers saves in patches, and what it costs in accuracy:

python -m benchmarks.receptive

The recipes ``mnist5k`` and ``mnist5k_late`` (MCUNetV2's redistribution), each trained here as
``hwkit train`` does. ``again`` is the work of the layers up to the first block's map of 7 by 7, in
2 by 2 and in 7 by 7 patches of which nothing is kept, over that of the same layers whole.
``kept_bytes`` is the least that hwkit's own plans take, which may keep rows, ``kept_work`` their
work. Bytes are the planner's, without the input in patches, with it in ``whole`` and ``kept``;
accuracy is that of the integers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.csvfile import write
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.serialize import load
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.patch.costs import Costs
from hwkit.lower.patch.grid import in_grid
from hwkit.lower.patch.plan import plain, plan_front
from hwkit.train.pipeline import train

RECIPES = ("mnist5k", "mnist5k_late")
GRIDS = (2, 7)
SIDE = 7
"""Rows of the map that patches end with."""


def stage(graph: Graph) -> int:
    """How many layers there are up to the first map of ``SIDE`` rows that no depthwise layer makes,
    where MCUNetV2 ends its patches: behind a block."""
    return 1 + next(
        k
        for k, op in enumerate(graph.nodes)
        if graph.tensors[op.output].shape[0] == SIDE and op.name.endswith("pointwise")
    )


def measured(graph: Graph) -> dict[str, Any]:
    """Work and bytes of a network, whole and in patches."""
    graph = fuse_requantize(graph)
    layers, costs = stage(graph), Costs(graph)
    inside = sum(macs(graph, op) for op in graph.nodes[:layers])
    front = plan_front(costs)
    row: dict[str, Any] = {"macs": sum(costs.macs), "stage_macs": inside}
    for count in GRIDS:
        grid = in_grid(graph, layers, count)
        more = grid.macs - row["macs"]
        row |= {
            f"again_{count}x{count}": f"{1 + more / inside:.3f}",
            f"bytes_{count}x{count}": grid.arena_bytes,
        }
    return row | {
        "whole_bytes": plain(costs).arena_bytes,
        "kept_bytes": front[-1].arena_bytes,
        "kept_work": f"{front[-1].macs / front[-1].plain_macs:.3f}",
    }


def rows() -> Iterator[dict[str, Any]]:
    """A row for each recipe."""
    for name in RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            found = train(name, folder)
            graph = load(Path(folder) / "model.hwk")
        yield {
            "recipe": name,
            "accuracy": f"{100 * found.accuracy.integer:.1f}",
            **measured(graph),
            "digest": found.digests["model.hwk"][:12],
            "evidence": "estimated",
        }


if __name__ == "__main__":
    write("receptive", list(rows()))
