"""How many integers each runtime's lowering moves, on real networks and on networks made here.

python -m benchmarks.moved [FOLDER | model.tflite | model.hwk ...]

Without arguments the folder in $HWKIT_MODELS, if that is set. Rows of networks that are not given
this time stay as they are in results/moved.csv.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import FOLDER, read, write
from benchmarks.networks import autoencoder, resnet8, resnet8_low_bits
from hwkit import boards
from hwkit.errors import HwkitError
from hwkit.flow.models import load
from hwkit.flow.verify import verify
from hwkit.ir.graph import Graph
from hwkit.targets.edge.original import run_original
from tests.sessions import random_inputs

RUNTIMES = ("host_tflm", "host_litert")
INPUTS = 100
MODELS = "HWKIT_MODELS"


def row(graph: Graph, board: str, original: Path | None) -> dict[str, Any]:
    """Outputs for random integers: those that the board's lowering moved, and those that the file
    itself, unchanged, gives otherwise there and in LiteRT's reference kernels. A board that
    differs from its lowered graph is an error."""
    x = random_inputs(graph, INPUTS, 0)
    found = verify(graph, board, x).check()
    expected = np.asarray(graph.predict(x))
    edge = boards.load(board).edge
    assert edge is not None
    unchanged: dict[str, int | str] = dict.fromkeys((edge.runtime, "litert_reference"), "")
    if original is not None:
        for runtime in unchanged:
            (got,) = run_original(original, [x], runtime)
            unchanged[runtime] = int(np.count_nonzero(got != expected))
    return {
        "network": graph.name,
        "board": board,
        "inputs": INPUTS,
        "outputs": expected.size,
        "moved": found.moved,
        "moved_percent": f"{100 * found.moved / expected.size:.2f}",
        "argmax_moved": found.argmax_moved,
        "moved_in_the_original_file": unchanged[edge.runtime],
        "moved_by_litert_reference_kernels": unchanged["litert_reference"],
        "evidence": "measured",
    }


def files(paths: list[str]) -> Iterator[Path]:
    """The models among ``paths``, those of a folder by name."""
    for path in map(Path, paths):
        found = sorted((*path.glob("*.tflite"), *path.glob("*.hwk"))) if path.is_dir() else [path]
        yield from found


def main(arguments: list[str]) -> int:
    """Writes results/moved.csv; 2 when a file can't be read or run."""
    paths = arguments or [folder for folder in (os.environ.get(MODELS),) if folder]
    made = (resnet8(), autoencoder(), resnet8_low_bits(), resnet8_low_bits(real_scales=True))
    networks: list[tuple[Graph, Path | None]] = []
    try:
        for path in files(paths):
            networks.append((load(path), path if path.suffix == ".tflite" else None))
        networks += [(graph, None) for graph in made]
        rows = []
        for graph, original in networks:
            for board in RUNTIMES:
                rows.append(row(graph, board, original))
                print(rows[-1], flush=True)
    except HwkitError as error:
        print(error, file=sys.stderr)
        return 2
    taken = {graph.name for graph, _ in networks}
    known = read("moved") if (FOLDER / "moved.csv").exists() else []
    write("moved", [*(old for old in known if old["network"] not in taken), *rows])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
