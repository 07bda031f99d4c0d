"""Sums: of two tensors, with a bias, and the rescale behind them."""

from __future__ import annotations

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Add, Rescale
from hwkit.ir.types import Array
from hwkit.lower.thresholds import rescale_thresholds, shared_row, thresholds
from hwkit.targets.finn.graph import Builder, Tensor
from hwkit.targets.finn.thresholding import (
    MAX_THRESHOLDS,
    check_levels,
    emit_thresholds,
    multi_threshold,
)

_MAX_TABLE = 1 << 16
"""Inputs for which a function is evaluated to see whether it is a line."""


def sum_tensor(
    b: Builder, r: Rescale | None, low: Array, high: Array, bias: Array, y: Tensor
) -> Tensor:
    """The tensor of sums: the output itself where nothing comes behind them."""
    least, most = min(int(low.min()), 0), max(int(high.max()), 0)
    if r is None and not bias.any():
        return b.tensor(y.name, y.shape, least, most)
    return b.inner("sum", y.shape, least, most)


def finish(
    b: Builder,
    r: Rescale | None,
    sums: Tensor,
    low: Array,
    high: Array,
    bias: Array,
    y: Tensor,
) -> None:
    """Bias and rescale behind a tensor of sums of ``low[c]..high[c]``."""
    if r is not None:
        check_levels(b, r.low, r.high)
        t = rescale_thresholds(r, bias, low, high, b.op_name)
        multi_threshold(b, sums, t, y, r.low, r.high)
    elif bias.any():
        least, most = int((low + bias).min()), int((high + bias).max())
        made = b.tensor(y.name, y.shape, least, most)
        _sum_of(b, (sums.name, sums.low), (b.constant("bias", bias), int(bias.min())), made)


def addition(b: Builder, op: Add, xs: list[Tensor], y: Tensor) -> None:
    """The operands on their common scale, their sum, and its rescale."""
    if xs[0].shape != xs[1].shape:
        raise b.unsupported(
            f"shapes {xs[0].shape[1:]} and {xs[1].shape[1:]} differ; add equal ones"
        )
    offset = np.zeros(y.shape[-1], np.int64)
    terms = []
    for x, zero_point, r in zip(xs, op.input_zero_points, op.input_rescales, strict=True):
        term, added = _term(b, x, zero_point, r)
        terms.append(term)
        offset += added
    least, most = sum(t.low for t in terms), sum(t.high for t in terms)
    low, high = np.full(len(offset), least), np.full(len(offset), most)
    sums = sum_tensor(b, op.rescale, low, high, offset, y)
    first, second = ((term.name, term.low) for term in terms)
    _sum_of(b, first, second, sums)
    finish(b, op.rescale, sums, low, high, offset, y)


def _sum_of(b: Builder, first: tuple[str, int], second: tuple[str, int], made: Tensor) -> None:
    """Sum of two operands, each a name and its least value.

    The unsigned one comes first: FINN 1.6 gives the sum of a signed and an unsigned operand of
    one width a bit too few when the signed one does.
    """
    if first[1] < 0 <= second[1]:
        first, second = second, first
    b.node("Add", (first[0], second[0]), made)


def _term(b: Builder, x: Tensor, zero_point: int, r: Rescale | None) -> tuple[Tensor, Array]:
    """An operand brought to the common scale, and what is still to be added to it.

    A whole multiple is a product with a constant; anything else that takes few enough values is
    a row of thresholds.
    """
    channels = x.shape[-1]
    if r is None:
        return x, np.full(channels, -zero_point)
    if x.high - x.low >= _MAX_TABLE:
        raise b.unsupported("an operand of more than 16 bits; requantize it first")
    inputs = np.arange(x.low, x.high + 1)[:, np.newaxis] - zero_point
    table = rescale(np.broadcast_to(inputs, (len(inputs), channels)), r, b.op_name)
    factor = table[-1] - table[-2] if len(table) > 1 else np.zeros(channels, np.int64)
    offset = table[0] - factor * x.low
    if (table == factor * np.arange(x.low, x.high + 1)[:, np.newaxis] + offset).all():
        if (factor == 1).all():
            return x, offset
        if not factor.any():
            raise b.unsupported("an operand is rescaled to one value; leave the addition out")
        ends = np.stack([factor * x.low, factor * x.high])
        scaled = b.inner("scaled", x.shape, int(ends.min()), int(ends.max()))
        name = b.constant("factor", factor[:1] if (factor == factor[0]).all() else factor)
        return b.node("Mul", (x.name, name), scaled), offset
    first, last = int(table.min()), int(table.max())
    if last - first > MAX_THRESHOLDS:
        raise b.unsupported(
            f"an operand is rescaled by no whole number, into {last - first + 1} values (FINN "
            f"takes {MAX_THRESHOLDS + 1}); train with power-of-two scales, or one scale for both"
        )
    made = b.inner("rescaled", x.shape, first, last)
    bias = np.full(channels, -zero_point)
    low, high = np.full(channels, x.low), np.full(channels, x.high)
    narrowed = thresholds(lambda a: rescale(a + bias, r, b.op_name), low, high, first, last)
    return emit_thresholds(b, x, shared_row(narrowed), made, first), np.zeros(channels, np.int64)
