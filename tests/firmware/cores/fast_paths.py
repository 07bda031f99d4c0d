"""One firmware with a layer for every fast path of the kernels, counted on a core.

``python -m tests.firmware.cores.fast_paths`` writes what each layer takes to instructions.csv.
"""

from __future__ import annotations

import csv
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    SumPool2d,
)
from hwkit.ir.types import S8, Array, IntType
from hwkit.target import Artifact
from hwkit.targets.mcu.lower import McuPlan
from hwkit.targets.mcu.target import TARGET as mcu
from tests import sessions

SAME = Padding(1, 1, 1, 1)
S4 = IntType(4, True)
_BOUNDS = {
    Rounding.HALF_UP: (9, 10, 11, 32, 33, 54, 55),
    Rounding.DOUBLE: (31, 32, 53, 54),
}
BOARDS = ("virtual_m0", "virtual_m4", "virtual_rv32", "virtual_m55")
TABLE = Path(__file__).with_name("instructions.csv")


class Layers:
    """Layers that all read one map, or its integers in a row."""

    def __init__(self, shape: tuple[int, int, int] = (12, 12, 16)) -> None:
        self.b = GraphBuilder("paths")
        self.rng = np.random.default_rng(1)
        self.channels, self.elements = shape[2], shape[0] * shape[1] * shape[2]
        self.b.input("x", shape, S8)
        self.outputs: list[str] = []

    def rescale(self, outputs: int, rounding: Rounding, shift: int = 40) -> Rescale:
        multipliers = tuple(self.rng.integers(1 << 30, (1 << 31) - 1, outputs).tolist())
        return Rescale(multipliers, (shift,) * outputs, rounding, -128, 127, 3)

    def weights(self, name: str, shape: tuple[int, ...], dtype: IntType) -> str:
        values = self.rng.integers(dtype.low, dtype.high + 1, shape)
        return self.b.constant(f"{name}_w", values, dtype)

    def conv(
        self,
        name: str,
        kernel: tuple[int, int] = (3, 3),
        stride: int = 1,
        padding: Padding = SAME,
        dilation: int = 1,
        dtype: IntType = S8,
        rounding: Rounding = Rounding.DOUBLE,
    ) -> None:
        w = self.weights(name, (8, *kernel, self.channels), dtype)
        r = self.rescale(8, rounding)
        both = (stride, stride), padding, (dilation, dilation)
        self.b.add(Conv2d(name, "x", w, None, f"{name}_y", *both, -5, rescale=r), S8)
        self.outputs.append(f"{name}_y")

    def depthwise(
        self,
        name: str,
        kernel: tuple[int, int] = (3, 3),
        stride: int = 1,
        padding: Padding = SAME,
        times: int = 1,
        source: str = "x",
    ) -> None:
        outputs = self.b.shape(source)[2] * times
        w = self.weights(name, (1, *kernel, outputs), S8)
        r = self.rescale(outputs, Rounding.DOUBLE)
        op = DepthwiseConv2d(
            name, source, w, None, f"{name}_y", (stride, stride), padding, (1, 1), -5, rescale=r
        )
        self.b.add(op, S8)
        self.outputs.append(f"{name}_y")

    def dense(self, name: str, dtype: IntType, rounding: Rounding) -> None:
        w = self.weights(name, (6, self.elements), dtype)
        r = self.rescale(6, rounding)
        self.b.add(Dense(name, "flat", w, None, f"{name}_y", -5, rescale=r), S8)
        self.outputs.append(f"{name}_y")

    def flat(self) -> None:
        """The input as one row, for dense layers."""
        self.b.add(Reshape("reshape", "x", "flat"), S8, shape=(self.elements,))

    def joined(self) -> Graph:
        """The graph, all outputs one behind the other."""
        rows = []
        for name in self.outputs:
            size = int(np.prod(self.b.shape(name)))
            row = Reshape(f"{name}_row", name, f"{name}_r")
            rows.append(self.b.add(row, S8, shape=(size,)))
        self.b.add(Concat("join", tuple(rows), "y", 0), S8)
        return self.b.build(["y"])


def graph() -> Graph:
    """A layer for every path."""
    m = Layers()
    none = Padding()
    m.conv("conv")
    m.conv("conv_inside", padding=none)
    m.conv("conv_stride", stride=2)
    m.conv("conv_dilated", dilation=2)
    m.conv("conv_4bit", dtype=S4)
    m.conv("conv_half_up", rounding=Rounding.HALF_UP)
    m.conv("conv_half_even", rounding=Rounding.HALF_EVEN)
    m.conv("conv_floor", rounding=Rounding.FLOOR)
    m.conv("pointwise", kernel=(1, 1), padding=none)
    m.conv("pointwise_stride", kernel=(1, 1), stride=2, padding=none)
    m.depthwise("depthwise")
    m.depthwise("depthwise_inside", padding=none)
    m.depthwise("depthwise_stride", stride=2)
    m.depthwise("depthwise_5x1", kernel=(5, 1), padding=Padding(2, 2, 0, 0))
    m.depthwise("depthwise_twice", times=2)
    # Half of a vector, and a row of channels that quads fill.
    m.depthwise("depthwise_8", source="conv_y")
    each = m.rescale(8, Rounding.HALF_UP, 33)
    m.outputs.append(m.b.add(Requantize("each", "conv_y", "each_y", each), S8))
    m.flat()
    m.dense("dense", S8, Rounding.DOUBLE)
    m.dense("dense_4bit", S4, Rounding.HALF_UP)
    # Around each bound of a shift up to which a core has a short way.
    for rounding, shifts in _BOUNDS.items():
        for shift in shifts:
            name = f"{rounding}_{shift}"
            m.b.add(Requantize(name, "x", f"{name}_y", m.rescale(1, rounding, shift)), S8)
            m.outputs.append(f"{name}_y")
    m.b.add(Requantize("requantize", "x", "again", m.rescale(1, Rounding.HALF_UP, 33)), S8)
    wide = Rescale((1 << 30,), (31,), Rounding.DOUBLE, -(1 << 27), 1 << 27, 0, 18)
    add = Add("add", ("x", "again"), "sum", (3, -4), (wide, wide))
    m.b.add(_with(add, m.rescale(1, Rounding.DOUBLE, 50)), S8)
    m.b.add(MaxPool2d("max_pool", "sum", "largest", (2, 2), (2, 2)), S8)
    pool = SumPool2d("sum_pool", "sum", "total", (3, 3), (1, 1), SAME)
    m.b.add(_with(pool, m.rescale(1, Rounding.DOUBLE, 34)), S8)
    m.b.add(Clamp("clamp", "total", "cut", -9, 40), S8)
    m.outputs += ["largest", "cut"]
    return m.joined()


def _with(op: Add | SumPool2d, r: Rescale) -> Add | SumPool2d:
    return replace(op, rescale=r)


def built(name: str, folder: Path) -> Artifact[McuPlan]:
    """The firmware for board ``name``."""
    lowered = mcu.lower(graph(), boards.load(name))
    return mcu.build(mcu.emit(lowered), lowered, folder)


def inputs(samples: int) -> Array:
    """Random integers."""
    rng = np.random.default_rng(2)
    return rng.integers(-128, 128, (samples, 12, 12, 16)).astype(np.int8)


def counted(artifact: Artifact[McuPlan]) -> dict[str, int]:
    """Executed instructions of each layer with a kernel."""
    (rows,) = sessions.profile(artifact, inputs(1), 1)
    known = {row.name: row.instructions or 0 for row in rows}
    return {name: instructions for name, instructions in known.items() if instructions > 100}


def budgets() -> dict[str, dict[str, int]]:
    """The table, by board and layer."""
    with TABLE.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {name: {row["layer"]: int(row[name]) for row in rows} for name in BOARDS}


def main() -> None:
    """Writes the table anew."""
    found = {}
    for name in BOARDS:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = counted(built(name, Path(folder)))
    with TABLE.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["layer", *BOARDS])
        for layer in found[BOARDS[0]]:
            writer.writerow([layer, *(found[name][layer] for name in BOARDS)])


if __name__ == "__main__":
    main()
