"""Bilinear resizing as RESIZE_BILINEAR, in the steps of each runtime.

TFLM and LiteRT's own kernel divide the way from one row to the next into 1024 steps and round half
away from zero; XNNPACK divides it into 2048, from places in float32, and rounds half up.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Rescale, ResizeBilinear, Rounding
from hwkit.ir.tflite import BILINEAR_STEPS, bilinear, bilinear_rescale
from hwkit.ir.types import S8
from hwkit.targets.edge.runtime import Products
from hwkit.targets.edge.scales import ratio

_XNN_STEPS = 1 << 11
_CONVENTIONS = ((False, True), (False, False), (True, False))
"""Corners aligned, pixels taken at their centres."""

_Axis = tuple[tuple[int, ...], tuple[int, ...]]
"""First neighbours, and the weights of the second ones."""


def check(graph: Graph, target: str) -> None:
    """``UnsupportedOp`` for bilinear resizing that changes the scale or chooses other places."""
    for op in graph.nodes:
        if not isinstance(op, ResizeBilinear):
            continue
        r = op.rescale
        if r is None or r.channels > 1 or round(ratio(r) * prod(op.steps), 6) != 1:
            remedy = "it changes the scale while it resizes; requantize behind it"
            raise UnsupportedOp(op.name, target, remedy)
        if graph.tensors[op.output].dtype != S8:
            remedy = "runtimes resize integers of 8 bits alone; requantize its input and output"
            raise UnsupportedOp(op.name, target, remedy)
        if any(r.offset) or r.zero_point != op.input_zero_point:
            remedy = "it changes the zero point while it resizes; requantize behind it"
            raise UnsupportedOp(op.name, target, remedy)
        if convention(graph, op) is None:
            remedy = "it resizes to places that no convention of TensorFlow's chooses; take one"
            raise UnsupportedOp(op.name, target, remedy)


def convention(graph: Graph, op: ResizeBilinear) -> tuple[bool, bool] | None:
    """Which of TensorFlow's conventions, ``(align_corners, half_pixel_centers)``, chooses the
    places of ``op``, but for what the reference kernels' rounded steps are off; None where none
    does."""
    own = ((op.rows, op.row_weights), (op.columns, op.column_weights))
    sizes = graph.tensors[op.input].shape
    found: list[tuple[Fraction, tuple[bool, bool]]] = []
    for align, centres in _CONVENTIONS:
        try:
            axes = _reference(graph, op, align, centres)
        except ValueError:
            continue
        off = list(map(_distance, axes, own, op.steps, sizes))
        if all(map(_is_near, off, own, op.steps)):
            found.append((max(off), (align, centres)))
    return min(found, key=lambda of: of[0])[1] if found else None


def _reference(graph: Graph, op: ResizeBilinear, align: bool, centres: bool) -> list[_Axis]:
    sizes = zip(graph.tensors[op.input].shape, (len(op.rows), len(op.columns)), strict=False)
    return [bilinear(before, after, align=align, centres=centres) for before, after in sizes]


def _distance(reference: _Axis, own: _Axis, steps: int, size: int) -> Fraction:
    """How far two axes' places are apart at most, in rows or columns."""
    pairs = zip(_places(reference, BILINEAR_STEPS, size), _places(own, steps, size), strict=True)
    return max(abs(a - b) for a, b in pairs)


def _places(axis: _Axis, steps: int, size: int) -> list[Fraction]:
    last = Fraction(size - 1)
    return [min(first + Fraction(part, steps), last) for first, part in zip(*axis, strict=True)]


def _is_near(distance: Fraction, own: _Axis, steps: int) -> bool:
    return distance <= Fraction(1, steps) + Fraction(2 + len(own[0]) // 2, BILINEAR_STEPS)


def in_runtime(graph: Graph, op: ResizeBilinear, products: Products) -> ResizeBilinear:
    """``op`` with the steps, places and rounding of the runtime; ``check`` has let it through."""
    chosen, r = convention(graph, op), op.rescale
    assert chosen is not None and r is not None
    if products is Products.XNNPACK:
        height, width = graph.tensors[op.input].shape[:2]
        rows = _xnn_axis(height, len(op.rows), *chosen)
        columns = _xnn_axis(width, len(op.columns), *chosen)
        steps, shift = _XNN_STEPS, 2 * (_XNN_STEPS.bit_length() - 1)
        rescale = Rescale((1,), (shift,), Rounding.HALF_UP, r.low, r.high)
    else:
        rows, columns = _reference(graph, op, *chosen)
        steps, rescale = BILINEAR_STEPS, bilinear_rescale(r.low, r.high)
    return replace(
        op,
        rows=rows[0],
        row_weights=rows[1],
        columns=columns[0],
        column_weights=columns[1],
        steps=(steps, steps),
        input_zero_point=0,
        rescale=rescale,
    )


def _xnn_axis(before: int, after: int, align: bool, centres: bool) -> _Axis:
    less, half = int(align and after > 1), np.float32(0.5)
    step = np.float32(before - less) / np.float32(after - less)
    places = np.arange(after).astype(np.float32) * step
    if centres:
        places = np.clip(places + (half * step - half), 0, np.float32(before - 1))
    first = places.astype(np.int64)
    weight = np.rint((places - first.astype(np.float32)) * np.float32(_XNN_STEPS))
    weight[first == before - 1] = 0
    return tuple(first.tolist()), tuple(weight.astype(np.int64).tolist())
