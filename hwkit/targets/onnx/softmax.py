"""The graph's softmax in ONNX's operators, step by step: tables, sums, one reciprocal."""

from __future__ import annotations

import numpy as np

from hwkit.ir.fixed_point import INT32_MAX, NEWTON_FACTOR, NEWTON_START, round_shift
from hwkit.ir.ops import Softmax, SoftmaxKind
from hwkit.ir.softmax import SUM_BITS, fixed_exponentials, float_exponentials
from hwkit.ir.softmax16 import exponential_of, reciprocal_at
from hwkit.ir.types import S16
from hwkit.targets.onnx.draft import Draft, axis_of
from hwkit.targets.onnx.rounding import clamped, floor_divide
from hwkit.targets.onnx.rows import softmax_by_table

_POWERS = np.int64(1) << np.arange(63, dtype=np.int64)


def softmax(draft: Draft, op: Softmax) -> str:
    """``op`` as int64 in the range of its output."""
    rank = draft.rank(op.input)
    axis = axis_of(rank - 1, rank)
    x = draft.cast(op.input, np.int64)
    largest = draft.node("ReduceMax", [x, draft.indices([axis])], keepdims=1)
    below = draft.node("Sub", [largest, x])
    if op.kind is SoftmaxKind.FIXED and draft.graph.tensors[op.input].dtype == S16:
        return _sixteen(draft, below, op.input_scale, axis)
    if op.kind is SoftmaxKind.TABLE:
        return softmax_by_table(draft, op, below, axis)
    if op.kind is SoftmaxKind.FLOAT:
        return _float(draft, below, op.input_scale, axis)
    return _fixed(draft, below, op.input_scale, axis)


def _float(draft: Draft, below: str, scale: float, axis: int) -> str:
    """Sums run from left to right: a cumulative sum's last, not a reduction's in its own order."""
    table = draft.constant(float_exponentials(scale))
    exponential = draft.node("Gather", [table, below], axis=0)
    sums = draft.node("CumSum", [exponential, draft.wide(axis)])
    total = draft.node("Gather", [sums, draft.indices([-1])], axis=axis)
    one, part = (draft.constant(np.array(v, np.float32)) for v in (1, 1 / 256))
    factor = draft.node("Div", [one, draft.node("Mul", [total, part])])
    scaled = draft.cast(draft.node("Mul", [exponential, factor]), np.float64)
    half = draft.node("Add", [scaled, draft.constant(np.array(0.5))])
    rounded = draft.cast(draft.node("Floor", [half]), np.int64)
    return clamped(draft, draft.node("Sub", [rounded, draft.wide(128)]), -128, 127)


def _fixed(draft: Draft, below: str, scale: float, axis: int) -> str:
    exponentials, inside = fixed_exponentials(scale)
    terms = np.where(inside, round_shift(exponentials, SUM_BITS), 0)
    exponential, term, counts = (
        draft.node("Gather", [draft.wide(table), below], axis=0)
        for table in (exponentials, terms, inside.astype(np.int64))
    )
    total = draft.node("ReduceSum", [term, draft.indices([axis])], keepdims=1)
    headroom = _headroom(draft, total, 32)
    grown = draft.node("Mul", [total, _power(draft, headroom)])
    reciprocal = _doubled(draft, _newton(draft, draft.node("Sub", [grown, draft.wide(1 << 31)])))
    shift = draft.node("Sub", [draft.wide(SUM_BITS + 31 - 8), headroom])
    scaled = _high(draft, reciprocal, exponential)
    negative = draft.cast(draft.node("Less", [scaled, draft.wide(0)]), np.int64)
    power = _power(draft, shift)
    half = draft.node("Sub", [draft.node("Div", [power, draft.wide(2)]), negative])
    rounded = floor_divide(draft, draft.node("Add", [scaled, half]), power)
    # What does not count is 0 steps above -128, whatever came out.
    steps = draft.node("Mul", [draft.node("Max", [rounded, draft.wide(0)]), counts])
    return clamped(draft, draft.node("Sub", [steps, draft.wide(128)]), -128, 127)


def _sixteen(draft: Draft, below: str, scale: float, axis: int) -> str:
    table = exponential_of(-np.arange(1 << 16, dtype=np.int64), scale)
    exponential = draft.node("Gather", [draft.wide(table), below], axis=0)
    total = draft.node("ReduceSum", [exponential, draft.indices([axis])], keepdims=1)
    headroom = _headroom(draft, total, 32)
    grown = draft.node("Mul", [total, _power(draft, headroom)])
    half = draft.node("Add", [floor_divide(draft, grown, draft.wide(2)), draft.wide(1 << 13)])
    mantissa = floor_divide(draft, half, draft.wide(1 << 14))
    places = draft.node("Sub", [mantissa, draft.wide(1 << 16)])
    reciprocals = reciprocal_at(np.arange(S16.low, S16.high + 1, dtype=np.int64))
    place = clamped(draft, places, 0, (1 << 16) - 1)
    product = draft.node(
        "Mul", [exponential, draft.node("Gather", [draft.wide(reciprocals), place], axis=0)]
    )
    power = _power(draft, draft.node("Sub", [draft.wide(31), headroom]))
    added = draft.node("Add", [product, draft.node("Div", [power, draft.wide(2)])])
    return clamped(draft, floor_divide(draft, added, power), 0, S16.high)


def _headroom(draft: Draft, total: str, bits: int) -> str:
    """``bits`` less those that ``total``, above 0, has: its powers of two are counted."""
    apart = draft.node("Unsqueeze", [total, draft.indices([-1])])
    reached = draft.node("GreaterOrEqual", [apart, draft.wide(_POWERS[:bits])])
    count = draft.node(
        "ReduceSum", [draft.cast(reached, np.int64), draft.indices([-1])], keepdims=0
    )
    return draft.node("Sub", [draft.wide(bits), count])


def _power(draft: Draft, exponent: str) -> str:
    return draft.node("Gather", [draft.wide(_POWERS), exponent], axis=0)


def _high(draft: Draft, a: str, b: str) -> str:
    """``fixed_point.srdhm``."""
    p = draft.node("Add", [draft.node("Mul", [a, b]), draft.wide(1 << 30)])
    return draft.node("Min", [floor_divide(draft, p, draft.wide(1 << 31)), draft.wide(INT32_MAX)])


def _doubled(draft: Draft, a: str, times: int = 2) -> str:
    """Shifted left and saturated to 32 bits."""
    return clamped(draft, draft.node("Mul", [a, draft.wide(times)]), -INT32_MAX - 1, INT32_MAX)


def _newton(draft: Draft, a: str) -> str:
    """2 / (1 + a) in Q2.29, as ``fixed_point`` has it."""
    half = floor_divide(draft, draft.node("Add", [a, draft.wide(INT32_MAX + 1)]), draft.wide(2))
    x = draft.node("Add", [_high(draft, half, draft.wide(NEWTON_FACTOR)), draft.wide(NEWTON_START)])
    for _ in range(3):
        error = draft.node("Sub", [draft.wide(1 << 29), _high(draft, half, x)])
        x = draft.node("Add", [x, _doubled(draft, _high(draft, x, error), 4)])
    return x
