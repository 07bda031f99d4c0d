"""A quantized function of sums, exactly, with tables of a few thousand entries.

The sums of a layer have far too many values for a table, and a coarser grid of them would move
every integer whose sum lies near a step of the function. But a quantizer of 8 bits has few steps.
The sums are brought to a grid of 2**30 places, fine beyond float32, which is cut into equal cells
so small that the integer changes once in each at most. One table says where in its cell it does;
the comparison with that place is one bit more of the cell's number; and a second table has the
integer for both halves of each cell:

    cell = floor(x / size)      half = x >= place[cell]      integer = value[2 * cell + half]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import extent, quantize
from hwkit.importers.qonnx.rescale import Quantizer
from hwkit.importers.qonnx.rounding import IMPORTER, rounded_with
from hwkit.importers.qonnx.values import Curve, Integers, Real
from hwkit.ir.ops import Add, Lookup, Requantize, Rescale, Rounding, Sub
from hwkit.ir.types import S32, Array, IntType, Quantization

_BITS = 30
"""Of the fine grid: x reaches from -2**29 to 2**29."""
_MOST_CELL_BITS = 15
_NEVER = 1 << _BITS
_PROBES = 8
"""Places within each of the smallest cells at which the integer is looked at."""


def looked_up(ctx: Context, node: Node, value: Real, curve: Curve, q: Quantizer, name: str) -> Real:
    """The integers of ``q`` for a function of sums. ``UnsupportedOp`` where it is so steep that 15
    bits of cells do not part its steps."""
    if q.scale.size != 1 or value.scale.size != 1 or value.offset.size != 1:
        raise UnsupportedOp(node.name, IMPORTER, "a function needs one scale, not per channel")
    step = extent(curve.base)[1] * 2.0 ** (1 - _BITS)

    def integer_at(places: Array) -> Array:
        with np.errstate(all="ignore"):
            y = curve.function(places * step)
        y = np.clip(value.scale[0] * y + value.offset[0], value.low, value.high)
        rounded = rounded_with(y / q.scale.flat[0], q.zero_point, q.mode)
        return np.clip(rounded, q.low, q.high).astype(np.int64)

    cells = _cells(node, integer_at)
    grid = Quantizer(np.array([step]), 0, S32, S32.low, S32.high, "ROUND")
    label = name or node.outputs[0].replace("/", ".").strip(".")
    fine = quantize(ctx, node, curve.base, grid, ctx.name(node, f"{label}.fine"))
    out = _added(ctx, node, fine.integers.tensor, cells, q, name)
    source = Integers(out, q.dtype, q.low, q.high, q.zero_point)
    return Real(source, value.shape, q.scale.reshape(-1), order=value.order, axes=value.axes)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """``place`` (2**bits,) of the change in each cell, ``values`` (2 * 2**bits,) of the halves."""

    bits: int
    place: Array
    values: Array


def _cells(node: Node, integer_at: Callable[[Array], Array]) -> _Cells:
    half = 1 << (_BITS - 1)
    size = 1 << (_BITS - _MOST_CELL_BITS)
    starts = np.arange(-half, half, size, dtype=np.int64)
    first, last = integer_at(starts), integer_at(starts + size - 1)
    for probe in range(1, _PROBES):
        inside = integer_at(starts + size * probe // _PROBES)
        if ((inside != first) & (inside != last)).any():
            raise _too_steep(node)
    # Where the integer becomes that of the cell's end.
    below, above = starts.copy(), starts + size - 1
    while (above - below > 1).any():
        middle = (below + above) // 2
        changed = integer_at(middle) == last
        above, below = np.where(changed, middle, above), np.where(changed, below, middle)
    changes = first != last
    places = np.concatenate([above[changes], (starts[1:])[last[:-1] != first[1:]]])
    places = np.unique(places)
    for bits in range(2, _MOST_CELL_BITS + 1):
        numbers = (places + half) >> (_BITS - bits)
        if np.unique(numbers).size == numbers.size:
            return _filled(bits, numbers, places, integer_at)
    raise _too_steep(node)


def _filled(
    bits: int, numbers: Array, places: Array, integer_at: Callable[[Array], Array]
) -> _Cells:
    half, size = 1 << (_BITS - 1), 1 << (_BITS - bits)
    starts = np.arange(-half, half, size, dtype=np.int64)
    place = np.full(starts.size, _NEVER, np.int64)
    place[numbers] = places
    # A change at a cell's start leaves the cell one integer.
    values = np.stack([integer_at(starts), integer_at(starts + size - 1)], axis=1)
    return _Cells(bits, place, values.reshape(-1))


def _too_steep(node: Node) -> UnsupportedOp:
    reason = "a function of sums that is too steep for its quantizer; put a quantizer before it"
    return UnsupportedOp(node.name, IMPORTER, reason)


def _added(ctx: Context, node: Node, fine: str, cells: _Cells, q: Quantizer, wanted: str) -> str:
    """The ops of the module's comment; returns the name of the last."""
    name, add = ctx.name(node, wanted), ctx.builder.add
    cell_type = IntType(cells.bits, True)
    cell, place, half, number = (f"{name}.{k}" for k in ("cell", "place", "half", "number"))
    down = Rescale((1,), (_BITS - cells.bits,), Rounding.FLOOR, cell_type.low, cell_type.high)
    add(Requantize(cell, fine, cell, down), cell_type)
    ctx.builder.constant(f"{place}.table", cells.place, S32)
    add(Lookup(place, cell, f"{place}.table", place), S32)
    bit = IntType(1, False)
    reached = Rescale((1,), (0,), Rounding.FLOOR, 0, 1, zero_point=1)
    add(Sub(half, (fine, place), half, (0, 0), rescale=reached), bit)
    numbered = IntType(cells.bits + 1, True)
    twice = Rescale((2,), (0,), Rounding.FLOOR, S32.low, S32.high)
    kept = Rescale((1,), (0,), Rounding.FLOOR, numbered.low, numbered.high)
    add(Add(number, (cell, half), number, (0, 0), (twice, None), rescale=kept), numbered)
    ctx.builder.constant(f"{name}.table", cells.values, q.dtype)
    facts = Quantization((float(q.scale.flat[0]),), q.zero_point)
    return add(Lookup(name, number, f"{name}.table", name), q.dtype, facts)
