"""What patches and narrower maps bring together, on a network with real data:

python -m benchmarks.quantmcu ic_resnet8_int8.tflite cifar10_jpeg.npz

ResNet-8 of MLPerf Tiny (repository mlcommons/tiny) and CIFAR-10 (see ``benchmarks.cifar10``), on
virtual_m4: all maps of 8 bits, the same in patches, and both with the widths that value-driven
search (QuantMCU's VDQS) finds for a share of the BitOPs, from images of the training set. Plans in
patches hold a limit, the last of each that of fewest bytes, the image whole in the arena.
``ram_bytes`` is all of it but the stack, the accuracy that of the graph's integers, which the
board's self-test gives too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cifar10 import load
from benchmarks.csvfile import write
from benchmarks.virtual import counted
from hwkit.errors import BudgetInfeasible
from hwkit.flow.build import artifact_for
from hwkit.flow.narrowing import Limits, narrow
from hwkit.flow.planning import plan
from hwkit.importers import load_model
from hwkit.ir.counts import bitops
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array

BOARD = "virtual_m4"
ROOM = "20kB"
SHARES = (0.6, 0.45)
CALIBRATION = 256
TEST = 2000
_BATCH = 100


def images(pixels: Array) -> Array:
    """(N, 3, 32, 32) in 0..1 as the network takes them: (N, 32, 32, 3) int8, a pixel less 128."""
    bytes_ = np.rint(pixels * 255).astype(np.int64) - 128
    return np.ascontiguousarray(bytes_.transpose(0, 2, 3, 1)).astype(np.int8)


def accuracy(graph: Graph, x: Array, y: Array) -> float:
    """The share of images whose largest output is their class, in percent."""
    (name,), (output,) = graph.inputs, graph.outputs
    right = 0
    for k in range(0, len(x), _BATCH):
        scores = run(graph, {name: x[k : k + _BATCH]})[output].reshape(-1, 10)
        right += int(np.sum(scores.argmax(1) == y[k : k + _BATCH]))
    return 100 * right / len(x)


def rows(graph: Graph, calibration: Array, x: Array, y: Array) -> Iterator[dict[str, Any]]:
    """Three rows for each width plan: without a limit, in patches within ``ROOM``, and in the
    fewest bytes."""
    (name,) = graph.inputs
    whole = bitops(graph)
    for share in (1.0, *SHARES):
        narrowed = graph
        if share < 1:
            narrowed = narrow(graph, {name: calibration}, Limits(bitops=share)).graph
        scored = accuracy(narrowed, x, y)
        for sram in (None, ROOM, least(narrowed)):
            _, artifact = artifact_for(narrowed, BOARD, None, sram=sram)
            found = counted(narrowed, artifact)
            facts = artifact.facts
            assert found.layer_cycles is not None
            yield {
                "maps": "8 bits" if share == 1 else f"VDQS {share:g}",
                "limit": sram or "",
                "stages": len(facts["stages"]),
                "accuracy": f"{scored:.2f}",
                "bitops": bitops(narrowed),
                "fewer": f"{whole / bitops(narrowed):.2f}",
                "arena_bytes": facts["arena_bytes"],
                "ram_bytes": facts["ram_bytes"] - facts["stack_bytes"],
                "flash_bytes": facts["flash_bytes"],
                "cycles": sum(found.layer_cycles),
                "evidence": artifact.board.evidence,
            }


def least(graph: Graph) -> str:
    """The least RAM but the stack that some plan builds in."""
    front = plan(graph, BOARD, with_front=True)
    for one in reversed(front.front):
        limit = f"{one.arena_bytes + front.other_bytes}B"
        try:
            plan(graph, BOARD, limit)
        except BudgetInfeasible:
            continue
        return limit
    raise AssertionError("the plan of least work fits its own bytes")


def main(arguments: list[str]) -> None:
    """Writes ``quantmcu.csv``; nothing without the network and the images."""
    if len(arguments) == 2:
        graph = load_model(Path(arguments[0]))
        data = load(Path(arguments[1]), CALIBRATION, TEST)
        found = list(
            rows(graph, images(data.train_images), images(data.test_images), data.test_labels)
        )
        write("quantmcu", found)


if __name__ == "__main__":
    main(sys.argv[1:])
