"""A sum or product of two narrow activations that is rescaled twice, in one rescale.

Whether one rescale rounds as two did depends on the integers that reach it. Two activations of at
most 8 bits make 65,536 pairs at most: all of them are tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.ops import Overflow, Requantize, Rescale, Rounding
from hwkit.ir.traits import Pairwise
from hwkit.ir.types import Array, TensorType
from hwkit.lower.optimize.evaluated import evaluated

_BITS = 8


def in_one_rescale(
    first: Pairwise, second: Requantize, tensors: Mapping[str, TensorType]
) -> Pairwise | None:
    """``first`` with one rescale that gives what ``second`` makes of its output, for every pair of
    integers; None where there is none, or where channels are rescaled differently.

    Example: a sum rescaled by 2**-4 half up and then by 2**-4 half to even becomes one by 2**-8
    half up if no pair's sum ends on a half of an even step.
    """
    r, narrow = first.rescale, all(tensors[name].dtype.bits <= _BITS for name in first.inputs)
    if r is None or not narrow or not (_is_plain(r) and _is_plain(second.rescale)):
        return None
    feeds = _pairs(first, tensors)
    shape = next(iter(feeds.values())).shape
    names = (*feeds, first.output, second.output)
    types = {name: TensorType(shape, tensors[name].dtype) for name in names}
    try:
        wanted = evaluated((first, second), types, {}, feeds)
    except AccumulatorOverflow:  # of a pair that the network never makes
        return None
    for rescale in _candidates(second.rescale, _ratio(r) * _ratio(second.rescale)):
        one = replace(first, name=second.name, output=second.output, rescale=rescale)
        if np.array_equal(evaluated((one,), types, {}, feeds), wanted):
            return one
    return None


def _is_plain(r: Rescale) -> bool:
    """One multiplier for all, nothing added, nothing wrapped around."""
    return r.channels == 1 and not any(r.offset) and r.overflow is Overflow.SATURATE


def _ratio(r: Rescale) -> Fraction:
    return Fraction(r.multiplier[0] << r.left_shift, 1 << r.shift[0])


def _candidates(last: Rescale, ratio: Fraction) -> Iterator[Rescale]:
    """Rescales by ``ratio`` into the range of ``last``, the roundings that most kernels have
    first."""
    if not 0 < ratio < 1 << 30:
        return
    multiplier, shift = quantize_multiplier(float(ratio))
    for rounding in (Rounding.HALF_UP, Rounding.HALF_EVEN):
        yield replace(
            last, multiplier=(multiplier,), shift=(shift,), rounding=rounding, left_shift=0
        )


def _pairs(op: Pairwise, tensors: Mapping[str, TensorType]) -> dict[str, Array]:
    """Every pair of integers that the two inputs can have."""
    a, b = (np.arange(tensors[name].dtype.low, tensors[name].dtype.high + 1) for name in op.inputs)
    if op.inputs[0] == op.inputs[1]:
        return {op.inputs[0]: a}
    return {op.inputs[0]: np.repeat(a, len(b)), op.inputs[1]: np.tile(b, len(a))}
