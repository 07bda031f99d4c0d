"""Resizing: RESIZE_NEAREST_NEIGHBOR, and RESIZE_BILINEAR in the steps of its kernels: 1/1024 for
signed integers, float32 for unsigned."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwkit.importers.tflite.context import (
    LARGEST,
    Context,
    check_operands,
    damaged,
    node_name,
    unsupported,
)
from hwkit.importers.tflite.elementwise import same_meaning
from hwkit.importers.tflite.file import FileOperator
from hwkit.ir.ops import Add, Rescale, ResizeBilinear, ResizeNearest, Rounding
from hwkit.ir.tflite import BILINEAR_STEPS, bilinear, bilinear_rescale, nearest
from hwkit.ir.types import S16, S48, U8, Shape

_FLOAT_BITS = 8
"""Of a row's and of a column's weight, whose products with 8 bits float32 holds."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """First neighbours, what the second ones have of ``steps``."""

    first: tuple[int, ...]
    weights: tuple[int, ...]
    steps: int


@dataclass(frozen=True, slots=True)
class _Resized:
    """A map ``source`` and its shapes, and the convention by which places are chosen."""

    source: str
    before: Shape
    after: Shape
    align: bool
    centres: bool

    @staticmethod
    def of(context: Context, position: int, op: FileOperator) -> _Resized:
        source = context.computed(op.inputs[0])
        before, after = context.builder.shape(source), context.sample_shape(op.outputs[0])
        if len(before) != 3 or len(after) != 3:
            raise unsupported(position, op, "resize one map (1, H, W, C)")
        if max(after) > LARGEST:
            raise damaged(position, op, f"resizes to {after}")
        align, centres = (bool(op.options[key]) for key in ("align_corners", "half_pixel_centers"))
        return _Resized(source, before, after, align, centres)

    def sizes(self, k: int) -> tuple[int, int]:
        """Before and after, along axis ``k``."""
        return self.before[k], self.after[k]


def resize_nearest(context: Context, position: int, op: FileOperator) -> None:
    """RESIZE_NEAREST_NEIGHBOR, in all of its conventions."""
    check_operands(op, position, (2, 2))
    resized = _Resized.of(context, position, op)
    align, centres = resized.align, resized.centres
    rows, columns = (nearest(*resized.sizes(k), align=align, centres=centres) for k in range(2))
    name, target = node_name(position, op), context.names[op.outputs[0]]
    context.add(op.outputs[0], ResizeNearest(name, resized.source, target, rows, columns))


def resize_bilinear(context: Context, position: int, op: FileOperator) -> None:
    """RESIZE_BILINEAR in all of its conventions."""
    check_operands(op, position, (2, 2))
    same_meaning(context, position, op, [op.inputs[0]])
    resized = _Resized.of(context, position, op)
    dtype = context.dtype(op.outputs[0])
    axis_of = _float_axis if dtype == U8 else _integer_axis
    try:
        rows, columns = (
            axis_of(*resized.sizes(k), resized.align, resized.centres) for k in range(2)
        )
    except ValueError as error:
        remedy = f"{error}; resize int8, or by a power of two"
        raise unsupported(position, op, remedy) from error
    if dtype == S16:
        _resize_16(context, position, op, resized.source, rows, columns)
        return
    rescale = bilinear_rescale(dtype.low, dtype.high)
    if dtype == U8:
        shift = (rows.steps * columns.steps).bit_length() - 1
        rescale = Rescale((1,), (shift,), Rounding.HALF_UP, dtype.low, dtype.high)
    name, target = node_name(position, op), context.names[op.outputs[0]]
    context.add(op.outputs[0], _node(name, resized.source, target, rows, columns, rescale))


def _node(
    name: str, source: str, target: str, rows: _Axis, columns: _Axis, rescale: Rescale
) -> ResizeBilinear:
    long = rescale.high > U8.high or rescale.low < -U8.high
    return ResizeBilinear(
        name,
        source,
        target,
        rows.first,
        rows.weights,
        columns.first,
        columns.weights,
        (rows.steps, columns.steps),
        accumulator_bits=S48.bits if long else 32,
        rescale=rescale,
    )


def _resize_16(
    context: Context, position: int, op: FileOperator, source: str, rows: _Axis, columns: _Axis
) -> None:
    """Sums of more than 32 bits, half away from zero: those above zero half up, those below half
    down, added."""
    name, facts = node_name(position, op), context.facts(op.outputs[0])
    shift = (rows.steps * columns.steps).bit_length() - 1
    up = Rescale((1,), (shift,), Rounding.HALF_UP, 0, S16.high)
    half = (1 << shift - 1) - 1
    down = Rescale((1,), (shift,), Rounding.FLOOR, S16.low, 0, offset=(half,))
    parts = [
        context.builder.add(_node(part, source, part, rows, columns, r), S16, facts)
        for part, r in ((f"{name}/above", up), (f"{name}/below", down))
    ]
    same = Rescale((1,), (0,), Rounding.FLOOR, S16.low, S16.high)
    target = context.names[op.outputs[0]]
    context.add(op.outputs[0], Add(name, (parts[0], parts[1]), target, rescale=same))


def _integer_axis(before: int, after: int, align: bool, centres: bool) -> _Axis:
    return _Axis(*bilinear(before, after, align=align, centres=centres), BILINEAR_STEPS)


def _float_axis(before: int, after: int, align: bool, centres: bool) -> _Axis:
    """The places that float32 gives; ``ValueError`` where their weights have too many bits."""
    span = (before - 1, after - 1) if align and after > 1 else (before, after)
    step, half = np.float32(span[0]) / np.float32(span[1]), np.float32(0.5 if centres else 0)
    places = (np.arange(after, dtype=np.float32) + half) * step - half
    exact = [max(Fraction(float(place)), Fraction(0)) for place in places]
    first = [min(int(place), before - 1) for place in exact]
    parts = [Fraction(0) if k == before - 1 else p - k for p, k in zip(exact, first, strict=True)]
    steps = max(part.denominator for part in parts)
    if steps.bit_length() - 1 > _FLOAT_BITS:
        raise ValueError("weights of uint8 are rounded to float32")
    return _Axis(tuple(first), tuple(int(part * steps) for part in parts), steps)
