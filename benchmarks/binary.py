"""FINN's binary networks as bitstreams of open tools: python -m benchmarks.binary [NETWORK...]

Brevitas' own TFC and CNV, one bit a weight and an activation, with seeded weights: imported from
QONNX, folded for the rate below, placed and routed; the very core of each bitstream is then
simulated on random images against the interpreter. ``frames_per_s`` are the simulated cycles at the
clock that the bitstream runs at, which static timing analysis allows (``fmax_mhz``: estimated, no
hardware has run it); LUTs are counted by nextpnr after routing. The figures do not depend on the
machine; routing CNV takes most of an hour.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bitstreams import area, cycles
from benchmarks.csvfile import write
from hwkit.boards import FoldingGoal
from hwkit.importers import load_proven
from hwkit.ir.feeds import random_feeds
from tests.importers.qonnx.bnn_pynq import exported

CASES = {
    "tfc_1w1a": ("ice40_hx8k", 10_000, 200),
    "cnv_1w1a": ("ulx3s_85f", 1_100, 10),
}
"""Board, frames a second that are asked for, and images that are simulated."""


def row(name: str) -> dict[str, Any]:
    """One network, built and simulated."""
    board, rate, images = CASES[name]
    goal = FoldingGoal(rate)
    with tempfile.TemporaryDirectory() as folder:
        graph, _ = load_proven(exported(name, Path(folder) / f"{name}.onnx"), 4)
        built = area(name, board, graph, Path(folder) / "deploy", goal)
    x = random_feeds(graph, images, 0)[graph.inputs[0]]
    seen = cycles(name, board, graph, x, goal)
    return {
        "network": name,
        "board": board,
        "frames_per_s": seen["images_per_s"],
        **{key: built[key] for key in ("clock_mhz", "fmax_mhz", "lut", "ff", "bram", "dsp")},
        "counted_by": built["counted_by"],
        **{key: seen[key] for key in ("interval_cycles", "latency_cycles", "images", "differing")},
        "evidence": "simulated",
    }


def main(names: list[str]) -> None:
    """Writes ``binary.csv``."""
    rows = []
    for name in names or CASES:
        rows.append(row(name))
        print(rows[-1], flush=True)
        write("binary", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
