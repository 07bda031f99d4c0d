"""Every kernel of the cores without SIMD that computes a layer: instructions (exact) and modelled
cycles for a multiply-accumulate or an integer of the output.

python -m benchmarks.scalar [LAYER ...]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import ELEMENTWISE
from benchmarks.csvfile import read, write
from benchmarks.layers import ACTIVATION, Layers
from benchmarks.virtual import counted
from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    AvgPool2d,
    Clamp,
    Mul,
    Padding,
    Requantize,
    Rescale,
    Rounding,
    Softmax,
    SoftmaxKind,
    Sub,
)
from hwkit.ir.types import S8, IntType, Quantization, Shape
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice.rounds import kernels_that_fit
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import plan, section
from hwkit.targets.mcu.target import TARGET as mcu

BOARDS = ("virtual_m0", "virtual_rv32")


@dataclass(frozen=True, slots=True)
class Case:
    """A layer behind an input of ``shape``; ``add`` returns its output."""

    name: str
    shape: Shape
    add: Callable[[Layers, str], str]

    def graph(self) -> Graph:
        """The same integers every time."""
        b = GraphBuilder(self.name.replace(" ", "_"))
        return b.build([self.add(Layers(b), b.input("x", self.shape, S8, ACTIVATION))])


def _dense(features: int, out: int, most: int, bits: int = 8) -> Case:
    """Weights of up to ``most`` in magnitude."""

    def add(n: Layers, x: str) -> str:
        n.rng = np.random.default_rng(0)
        y = n.dense(x, "layer", out, multipliers=out)
        weights = n.rng.normal(0, most / 3, (out, features)).round().clip(-most, most)
        n.b.constant("layer.w", weights.astype(np.int64), IntType(bits, True))
        return y

    return Case(f"dense {features} to {out}, weights up to {most}", (features,), add)


def _clamped(n: Layers, x: str, name: str) -> str:
    return n.b.add(Clamp(name, x, f"{name}.y", -100, 100), S8, ACTIVATION)


def _into(ratio: float) -> Rescale:
    """By about ``ratio``, double rounding."""
    return Rescale((1_502_201_763,), (31 - round(np.log2(ratio)),), Rounding.DOUBLE, -128, 127, -9)


def _requantize(n: Layers, x: str) -> str:
    return n.b.add(Requantize("layer", x, "y", _into(1.3), -128), S8, ACTIVATION)


def _mul(n: Layers, x: str) -> str:
    op = Mul("layer", (x, _clamped(n, x, "other")), "y", (-128, -128), rescale=_into(2.0**-8))
    return n.b.add(op, S8, ACTIVATION)


def _sub(n: Layers, x: str) -> str:
    wide = Rescale((1 << 30,), (31,), Rounding.DOUBLE, -(1 << 30), 1 << 30, 0, 20)
    op = Sub("layer", (x, _clamped(n, x, "other")), "y", (-128, -128), (wide, wide))
    return n.b.add(replace(op, rescale=_into(2.0**-20)), S8, ACTIVATION)


def _mean(n: Layers, x: str) -> str:
    height, width, _ = n.b.shape(x)
    op = AvgPool2d("layer", x, "y", (height, width), (1, 1), Padding(), -128, 127)
    return n.b.add(op, S8, ACTIVATION)


def _softmax(n: Layers, x: str) -> str:
    op = Softmax("layer", x, "y", 0.05, SoftmaxKind.FIXED)
    return n.b.add(op, S8, Quantization((1 / 256,), -128))


CASES = (
    _dense(640, 128, 60),
    _dense(640, 128, 127),
    _dense(64, 12, 127),
    _dense(640, 128, 7, 4),
    *(Case(case.name, case.shape, case.add) for case in ELEMENTWISE if case.name != "softmax"),
    Case("mean 25x5x64", (25, 5, 64), _mean),
    Case("requantize", (32, 32, 16), _requantize),
    Case("mul", (32, 32, 16), _mul),
    Case("sub", (32, 32, 16), _sub),
    Case("softmax 12", (12,), _softmax),
    Case("softmax 16x32", (16, 32), _softmax),
)


def rows(case: Case, board: str) -> Iterator[dict[str, Any]]:
    """A row for each kernel that computes the last layer of ``case``."""
    graph = case.graph()
    lowered = mcu.lower(graph, boards.load(board))
    *before, fitting = kernels_that_fit(lowered)
    products = macs(lowered.graph, lowered.graph.nodes[-1])
    total = products or lowered.graph.tensors[lowered.graph.outputs[0]].elements
    for kernel in fitting:
        picks = [Pick(of[0], False) if of else Pick("", False) for of in before]
        picks.append(Pick(kernel, False))
        planned = plan(lowered.graph, section(lowered.board), picks, lowered.plan)
        of = replace(lowered, plan=planned)
        with tempfile.TemporaryDirectory() as folder:
            found = counted(graph, mcu.build(emit(of), of, Path(folder)))
        cycles = found.layer_cycles[-1] if found.layer_cycles else 0
        yield {
            "layer": case.name,
            "board": board,
            "kernel": " ".join(found.kernels),
            "unit": "mac" if products else "output",
            "instructions": found.layer_instructions[-1],
            "instructions_each": f"{found.layer_instructions[-1] / total:.2f}",
            "cycles_each": f"{cycles / total:.2f}",
            "scratch_bytes": planned.layers[-1].scratch_bytes,
            "cost_model": found.cost_model,
            "evidence": found.context["evidence"],
        }


def main(names: list[str]) -> None:
    """Writes results/scalar.csv; rows of layers that are not named stay."""
    chosen = [case for case in CASES if not names or case.name in names]
    made = {case.name: [row for board in BOARDS for row in _shown(case, board)] for case in chosen}
    rows_of: dict[str, list[Any]] = {}
    for row in read("scalar") if names else ():
        rows_of.setdefault(row["layer"], []).append(row)
    write("scalar", [row for of in (rows_of | made).values() for row in of])


def _shown(case: Case, board: str) -> Iterator[dict[str, Any]]:
    for row in rows(case, board):
        print(row, flush=True)
        yield row


if __name__ == "__main__":
    main(sys.argv[1:])
