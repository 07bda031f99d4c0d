"""Models times boards into one CSV, with exactness beside each figure.

    python examples/latency_campaign.py out.csv --boards virtual_m0 virtual_m4 -- a.hwk b.tflite

A board that refuses a model leaves a row that says why. ``evidence`` tells what a figure is worth
(measured, simulated, estimated): compare rows of one kind only.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hwkit
from hwkit.errors import HwkitError
from hwkit.ir.graph import Graph

FIGURES = ("instructions", "cycles", "us")
EXACTNESS = ("integers", "differing", "moved")
COLUMNS = ("model", "board", "evidence", *FIGURES, "clock_hz", *EXACTNESS, "refused")
SAMPLES, REPEATS = 8, 5


def row(graph: Graph, board: str) -> dict[str, Any]:
    """One model on one board: first whether it is right, then how fast."""
    found = hwkit.verify(graph, board, samples=SAMPLES)
    taken = hwkit.profile(graph, board, repeats=REPEATS)
    total = taken["total"]
    return {
        "evidence": taken["evidence"],
        "clock_hz": taken["clock_hz"],
        **{key: total[key] for key in FIGURES},
        **{key: getattr(found, key) for key in EXACTNESS},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--boards", nargs="+", required=True)
    parser.add_argument("models", nargs="+")
    given = parser.parse_args(arguments)
    wrong = 0
    with given.out.open("w", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        for path in given.models:
            graph = hwkit.load(path)
            for board in given.boards:
                try:
                    figures = row(graph, board)
                    wrong += figures["differing"]
                except HwkitError as error:
                    figures = {"refused": str(error)}
                table.writerow({"model": graph.name, "board": board, **figures})
                stream.flush()  # a campaign that is stopped keeps what it has
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
