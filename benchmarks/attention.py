"""Transformers from float PyTorch to boards: python -m benchmarks.attention DATA FLOATS [NAME ...]

``FLOATS`` comes from ``benchmarks.transformers``, ``DATA`` as there. Each network is quantized
after training to 8 bits from 512 training samples, imported, and run on a virtual
Cortex-M4 and in LiteRT; writes ``results/attention.csv``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

import hwkit
from benchmarks.csvfile import read, write
from benchmarks.transformers import CASES
from hwkit import boards, targets
from hwkit.flow.boundary import enter
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.lower.legal import lowered
from hwkit.train.data import Dataset
from hwkit.train.freeze import input_integers
from hwkit.train.ptq.run import quantize_run
from hwkit.train.ptq.samples import Samples
from hwkit.train.ptq.settings import Settings

CALIBRATION, SEEDS, TEST, BOARDS = 512, 1, 1000, ("virtual_m4", "host_litert")
_ON_BOARD = 16
"""Test samples whose integers are compared on each board."""


def measured(name: str, data: Dataset, floats: Path, seed: int) -> list[dict[str, Any]]:
    """A row for each board: accuracies, the proof of import, integers compared."""
    case, rng = CASES[name], np.random.default_rng(seed)
    network = case.make()
    network.load_state_dict(torch.load(floats / f"{name}.pt", weights_only=True))
    taken = rng.permutation(len(data.train_labels))[:CALIBRATION]
    test = np.random.default_rng(0).permutation(len(data.test_labels))[:TEST]
    images, labels = data.test_images[test], data.test_labels[test]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        settings = Settings(ranges="mse", equalize=False, seed=seed)
        report = quantize_run(
            network.eval(),
            Samples(data.train_images[taken], None),
            out,
            settings,
            Samples(images, labels),
        )
        graph = hwkit.load(out / "model.hwk")
    x = input_integers(graph, images)
    row = {"network": name, "seed": seed, "test_samples": len(labels), **report.accuracy}
    row |= {f"import_{key}": report.source[key] for key in ("integers", "differing", "ties")}
    return [row | _on(board, graph, x, labels) for board in BOARDS]


_EVIDENCE = {"evidence": "simulated"}
"""Boards of two kinds stand in one file, whose integers are compared, not timed."""


def _on(board: str, graph: Graph, x: Array, labels: Array) -> dict[str, Any]:
    found = hwkit.verify(graph, board, x[:_ON_BOARD])
    compared = {"board_integers": found.integers, "board_differing": found.differing}
    return {
        "board": board,
        "board_accuracy": _accuracy(board, graph, x, labels),
        **compared,
        **_EVIDENCE,
    }


def _accuracy(board: str, graph: Graph, x: Array, labels: Array) -> float:
    """Share of right answers of the graph as lowered, whose integers the board gives."""
    known = boards.load(board)
    form = lowered(targets.get(known), graph, known).graph
    y = form.predict(enter(graph, form, {graph.inputs[0]: x}))
    assert isinstance(y, np.ndarray)
    return round(float((y.reshape(len(y), -1).argmax(axis=1) == labels).mean()), 4)


def main(arguments: list[str]) -> None:
    """Writes ``results/attention.csv``; rows of networks that are not named stay."""
    folder, floats, *names = arguments
    chosen = names or list(CASES)
    try:
        rows: list[dict[str, Any]] = [r for r in read("attention") if r["network"] not in chosen]
    except FileNotFoundError:
        rows = []
    for name in chosen:
        data = CASES[name].data(Path(folder))
        for seed in range(SEEDS):
            rows += measured(name, data, Path(floats), seed)
            print(rows[-2:], flush=True)
            write("attention", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
