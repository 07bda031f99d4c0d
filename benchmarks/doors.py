"""The doors: random networks, each import beside its file's own execution:
python -m benchmarks.doors

Random Brevitas models (1 to 8 bits, biases, batch norms, residual sums, depthwise, asymmetric,
every rounding) and random QONNX graphs, each compared layer by layer on random inputs.
``differing`` are integers that no tie explains, ``ties`` those whose real value lies within 1e-5
steps of one.
``qonnx_numbers`` are compared between our float64 execution and the qonnx package's float32 one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.csvfile import write
from hwkit.errors import UnsupportedOp
from hwkit.importers import load_proven
from hwkit.train.freeze import export
from tests.conformance.doors import Network
from tests.conformance.doors_brevitas import drawn
from tests.conformance.qonnx_execution import compare

INPUTS = 16
NETWORKS = 200
"""Of each kind."""


def brevitas(seed: int, path: Path) -> tuple[int, ...]:
    """Exports a random model; returns the shape of one input."""
    model = drawn(seed)
    export(model, torch.zeros(1, *model.shape), path)
    return model.shape


def qonnx(seed: int, path: Path) -> tuple[int, ...]:
    """Writes a random graph; returns the shape of one input."""
    network = Network(seed)
    network.save(path)
    return network.input_shape


def row(kind: str, draw: Callable[[int, Path], tuple[int, ...]], networks: int) -> dict[str, Any]:
    """The counts over ``networks`` networks; ``AssertionError`` where qonnx executes otherwise."""
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        for seed in range(networks):
            shape = draw(seed, path)
            try:
                _, proof = load_proven(path, INPUTS)
            except UnsupportedOp as error:
                print(f"{kind} {seed}: {error}")
                total["refused"] += 1
                continue
            assert proof is not None
            total.update(proof.counts())
            x = np.random.default_rng(seed).normal(0, 2, (1, *shape)).astype(np.float32)
            numbers, _ = compare(path, x)
            total["qonnx_numbers"] += numbers
            if not proof.exact:
                print(f"{kind} {seed}: {proof.first}")
    return {
        "door": kind,
        "networks": networks,
        "refused": total["refused"],
        **{key: total[key] for key in ("inputs", "integers", "differing", "ties", "qonnx_numbers")},
        "evidence": "measured",
    }


def main(arguments: list[str] | None = None) -> None:
    """Writes ``results/doors.csv``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=NETWORKS)
    networks = parser.parse_args(arguments).n
    torch.set_num_threads(1)
    rows = [row("brevitas", brevitas, networks), row("qonnx", qonnx, networks)]
    write("doors", rows)
    for line in rows:
        print(line)


if __name__ == "__main__":
    main()
