"""A network of two dense layers for the loop, made without training; run as a program it is tuned
and killed on the way: ``python -m tests.flow.tuning.networks RUN KILLED_AT BUDGET``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.allocate.plan import BitPlan
from hwkit.files import write_json
from hwkit.flow.tuning.maps import narrow_run
from hwkit.flow.tuning.product import Done, Wanted, tuned
from hwkit.formats import stamped
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32, IntType, Quantization, TensorType

BOARD = "virtual_m4"
LAYERS = {"first": (256, 64), "last": (64, 10)}
"""Inputs and outputs of each."""


def network(widths: Mapping[str, int]) -> Graph:
    """Random weights at ``widths``."""
    b, rng = GraphBuilder("two"), np.random.default_rng(0)
    x = b.input("x", (256,), S8)
    for name, (inputs, outputs) in LAYERS.items():
        high = (1 << widths[name] - 1) - 1
        weights = rng.integers(-high, high + 1, (outputs, inputs))
        b.constant(f"{name}.w", weights, IntType(widths[name], True))
        b.add(Dense(name, x, f"{name}.w", None, f"{name}.sum"), S32)
        shift = 31 + widths[name]
        r = Rescale((1 << 30,), (shift,), Rounding.HALF_UP, -128, 127)
        x = b.add(Requantize(f"{name}.q", f"{name}.sum", f"{name}_out", r), S8)
    graph = b.build([x])
    scaled = Quantization((0.1,), 0)
    tensors: dict[str, TensorType] = dict(graph.tensors)
    for name in ("x", "first_out", "last_out"):
        t = tensors[name]
        tensors[name] = TensorType(t.shape, t.dtype, scaled)
    return graph.with_nodes(graph.nodes, tensors, dict(graph.constants))


class Made:
    """A ``Source`` whose accuracy is what its widths are."""

    name = "two"

    def made_of(self) -> dict[str, Any]:
        return {"two": 1}

    def make(self, out: Path, widths: Sequence[int], say: Callable[[str], None]) -> None:
        self._write(out, dict.fromkeys(LAYERS, 8))
        layers = {"first": 1.0, "last": 5.0}
        rows = {n: {str(b): s * (8 - b) for b in widths} for n, s in layers.items()}
        write_json(out / "sensitivity.json", {"method": "made up", "layers": rows})

    def remake(self, out: Path, plan: BitPlan, first: Path, say: Callable[[str], None]) -> None:
        self._write(out, plan.weight_bits)
        narrow_run(out, plan.activation_bits, np.load(out / "calibration.npy"))

    def _write(self, out: Path, widths: Mapping[str, int]) -> None:
        graph = network(widths)
        graph.save(str(out / "model.hwk"))
        x = np.random.default_rng(1).integers(-128, 128, (20, 256)).astype(np.int8)
        np.save(out / "calibration.npy", x)
        share = sum(widths.values()) / 16
        facts = {
            "recipe": "two", "dataset": "", "test_images": 0, "integers": 0, "moved": 0,
            "accuracy": {"float": 1.0, "fake_quantized": share, "integer": share},
            "weight_bits": dict(widths), "activation_bits": 8, "scales": "float",
            "versions": {}, "digests": {"model.hwk": ""},
        }  # fmt: skip
        write_json(out / "train.json", stamped("train.json", facts))


def tune(run: Path, budget: str, say: Callable[[str], None], **options: Any) -> Done:
    """The whole loop, of widths 8 and 4 without baselines unless ``options`` say else."""
    wanted: dict[str, Any] = {"widths": (8, 4), "baselines": False} | options
    return tuned(Made(), Wanted((BOARD,), (budget,), **wanted), run, say)


def main(run: str, killed_at: str, budget: str) -> None:
    """Ends itself by SIGKILL when step number ``killed_at`` begins, from 0."""
    steps: list[str] = []

    def say(line: str) -> None:
        if len(steps) == int(killed_at):
            os.kill(os.getpid(), signal.SIGKILL)
        steps.append(line)

    tune(Path(run), budget, say)


if __name__ == "__main__":
    main(*sys.argv[1:])
