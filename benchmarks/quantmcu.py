"""What patches, narrower maps and training at them bring together, on real data:

python -m benchmarks.quantmcu cifar10_jpeg.npz

ResNet-8 trained here on CIFAR-10 (``benchmarks.trained_at_plan``; its weights are in
``benchmarks/weights/quantmcu``), on virtual_m4: all maps of 8 bits, in patches and whole; in
patches with the widths that value-driven search (QuantMCU's VDQS) found. ``rounded`` are the float
network's weights, ``trained on`` those of the fine-tuning at these widths. Plans in patches are
those of the fewest bytes, the image whole in the arena. ``ram_bytes`` is all of it but the stack,
``fewer`` and ``smaller`` are BitOPs and RAM against 8 bits in patches. The accuracy is that of the
graph's integers, as the board computes them, on the first ``TEST`` test images; ``limit`` is what
the plan had to hold.

``VDPC`` is the same search where patches with outliers keep 8 bits (``benchmarks.patch_classes``,
4 by 4 patches up to the map of 16 by 16, a limit of BitOPs alone): by the interpreter, as no
firmware takes such a branch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cifar10 import load
from benchmarks.csvfile import write
from benchmarks.images import accuracy, as_integers
from benchmarks.leanest import least_bytes
from benchmarks.patch_classes import classed
from benchmarks.trained_at_plan import BOARD, CALIBRATION, FEWER_BITOPS, kept, plan_kept
from benchmarks.virtual import counted
from hwkit.flow.build import artifact_for
from hwkit.flow.narrowing import Limits, at_widths, narrow
from hwkit.ir.counts import bitops
from hwkit.ir.graph import Graph
from hwkit.train.data import Dataset

RESULT = "stack2.relu"
"""The map that patches end with, of 16 by 16."""
PATCHES = 4
TEST = 4000
PHIS = (0.96,)


def networks(data: Dataset) -> Iterator[tuple[str, str, Graph]]:
    """What was done to maps and to weights, and the graph."""
    eight = kept("eight")
    yield "8 bits", "rounded", eight
    feeds = {eight.inputs[0]: as_integers(eight, data.train_images[:CALIBRATION])}
    yield "VDQS", "rounded", at_widths(eight, feeds, plan_kept()).graph
    yield "VDQS", "trained on", kept("plan_trained")


def rows(data: Dataset) -> Iterator[dict[str, Any]]:
    """Each network in patches, the first one whole as well."""
    eight: dict[str, Any] = {}
    for maps, weights, graph in networks(data):
        x = as_integers(graph, data.test_images)
        said = {"maps": maps, "weights": weights, "evidence": "simulated"}
        said |= {"accuracy": f"{accuracy(graph, x, data.test_labels):.2f}"}
        for sram in (f"{least_bytes(graph, BOARD)}B", *([] if eight else [""])):
            row = measured(graph, sram or None)
            eight = eight or row
            yield {
                **said,
                "limit": sram,
                **row,
                "fewer": f"{eight['bitops'] / row['bitops']:.2f}",
                "smaller": f"{eight['ram_bytes'] / row['ram_bytes']:.2f}",
            }


def measured(graph: Graph, sram: str | None) -> dict[str, int]:
    """What it takes of the board; its integers there are the interpreter's."""
    _, artifact = artifact_for(graph, BOARD, None, sram=sram)
    found, facts = counted(graph, artifact), artifact.facts
    assert found.layer_cycles is not None
    return {
        "stages": len(facts["stages"]),
        "bitops": bitops(graph),
        "arena_bytes": facts["arena_bytes"],
        "ram_bytes": facts["ram_bytes"] - facts["stack_bytes"],
        "flash_bytes": facts["flash_bytes"],
        "instructions": sum(found.layer_instructions),
        "cycles": sum(found.layer_cycles),
    }


def classes(data: Dataset) -> Iterator[dict[str, Any]]:
    """A row without a build for each phi."""
    eight = kept("eight")
    x, calibration = (as_integers(eight, v) for v in (data.test_images, data.train_images))
    feeds = {eight.inputs[0]: calibration[:CALIBRATION]}
    wanted = Limits(bitops=1 / FEWER_BITOPS)
    graph = narrow(eight, feeds, wanted, keep=(RESULT,)).graph
    for phi in PHIS:
        found = classed(eight, graph, RESULT, PATCHES, calibration, x, data.test_labels, phi)
        yield {
            "maps": f"VDPC {phi:g}: {100 * found.share:.0f} % of patches at 8 bits",
            "weights": "rounded",
            "accuracy": f"{found.accuracy:.2f}",
            "bitops": found.bitops,
            "fewer": f"{bitops(eight) / found.bitops:.2f}",
            "evidence": "simulated",
        }


def main(arguments: list[str]) -> None:
    """Writes ``quantmcu.csv``; nothing without the images."""
    if len(arguments) == 1:
        data = load(Path(arguments[0]), CALIBRATION, TEST)
        write("quantmcu", [*rows(data), *classes(data)])


if __name__ == "__main__":
    main(sys.argv[1:])
