"""What TensorFlow Lite's definition fixes: borders, activation ranges, the reference add.

Shared by the importer of .tflite files and by the target that writes them.
"""

from __future__ import annotations

from dataclasses import replace
from math import floor, ldexp

import numpy as np

from hwkit.ir.arith import MAX_SHIFT, quantize_multiplier, reduced_multiplier
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import S8, S32, IntType

ADD_LEFT_SHIFT = 20
"""Bits by which an int8 add shifts its inputs to the left before it rescales them."""
ADD_LEFT_SHIFT_16 = 15
"""The same of an int16 add."""
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
"""Fused activation functions by their number in the schema."""
RELU_0_TO_1 = 7
"""No fused one, and so without a number there."""


def same_padding(size: int, span: int, stride: int) -> tuple[int, int]:
    """SAME along one axis as (before, after): size 8, span 3, stride 2 gives (0, 1)."""
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def activation_range(
    activation: int, scale: float, zero_point: int, dtype: IntType = S8
) -> tuple[int, int]:
    """Lowest and highest integer of a fused activation, with scale and zero point of its output.

    Example: RELU6 with scale 0.05 and zero point -100 gives (-100, 20).
    """
    bounds: dict[int, tuple[float | None, float | None]] = {
        NONE: (None, None),
        RELU: (0.0, None),
        RELU_N1_TO_1: (-1.0, 1.0),
        RELU6: (0.0, 6.0),
        RELU_0_TO_1: (0.0, 1.0),
    }
    low, high = (
        None if bound is None else _quantized(bound, scale, zero_point)
        for bound in bounds[activation]
    )
    lowest = dtype.low if low is None else max(dtype.low, low)
    highest = dtype.high if high is None else min(dtype.high, high)
    return lowest, highest


def _quantized(value: float, scale: float, zero_point: int) -> int:
    """``value / scale`` in float32, rounded half away from zero, plus the zero point; a quotient
    beyond 32 bits ends there."""
    with np.errstate(over="ignore"):
        quotient = float(np.float32(value) / np.float32(scale))
    rounded = floor(min(abs(quotient), S32.high) + 0.5)
    return zero_point + (rounded if quotient >= 0 else -rounded)


def double_rescale(
    ratios: list[float], zero_point: int, low: int = S8.low, high: int = S8.high
) -> Rescale:
    """The reference kernels' rescale for real multipliers; ``ValueError`` if one has no form."""
    multiplier, shift = zip(*(quantize_multiplier(ratio) for ratio in ratios), strict=True)
    return Rescale(multiplier, shift, Rounding.DOUBLE, low, high, zero_point)


def nearest_rescale(
    ratios: list[float], largest: int, zero_point: int, low: int, high: int
) -> Rescale:
    """Once rounded, half away from zero: of sums of at most ``largest`` in magnitude.

    Most ratios have no sum that falls half-way. Where one may, its ratio has few bits, and enough
    bits in front of ``DOUBLE``'s first rounding leave that nothing to do; ``ValueError`` where
    there are not enough. Example: 1/4, of sums up to 1000, becomes a left shift by 21 and
    ``DOUBLE`` of 1/2**23.
    """
    multipliers, shifts = zip(*map(quantize_multiplier, ratios), strict=True)
    half_way = [m for m, r in zip(multipliers, ratios, strict=True) if _may_tie(r, largest)]
    if not half_way:
        return Rescale(multipliers, shifts, Rounding.HALF_UP, low, high, zero_point)
    needed = 31 - min((m & -m).bit_length() - 1 for m in half_way)
    left = min(31 - largest.bit_length(), MAX_SHIFT - max(shifts))
    if left < needed:
        raise ValueError(f"ratios {ratios[:4]} round half-way sums of {largest}")
    shifts = tuple(shift + left for shift in shifts)
    return Rescale(multipliers, shifts, Rounding.DOUBLE, low, high, zero_point, left)


def _may_tie(ratio: float, largest: int) -> bool:
    """Whether an integer of at most ``largest`` times ``ratio`` is a whole number and a half."""
    return 2 * largest >= ratio.as_integer_ratio()[1] > 1


def wide_rescale(ratios: list[float], low: int, high: int) -> Rescale:
    """The rescale of 64-bit sums, of zero point 0; ``ValueError`` if a ratio has no form."""
    multiplier, shift = zip(*map(reduced_multiplier, ratios), strict=True)
    return Rescale(multiplier, shift, Rounding.HALF_UP, low, high)


def double_add(
    first: float,
    second: float,
    output: float,
    zero_point: int,
    low: int,
    high: int,
    left_shift: int = ADD_LEFT_SHIFT,
) -> tuple[tuple[Rescale, Rescale], Rescale]:
    """Rescales of both inputs and of the sum of the reference kernels' add, from the three
    scales. Example: equal scales 1 rescale each input by 1/2 after the left shift."""
    common = 2 * max(first, second)
    inputs = [
        Rescale((m,), (s,), Rounding.DOUBLE, S32.low, S32.high, left_shift=left_shift)
        for m, s in (quantize_multiplier(scale / common) for scale in (first, second))
    ]
    total = double_rescale([ldexp(common, -left_shift) / output], zero_point, low, high)
    return (inputs[0], inputs[1]), total


def mean_rescale(
    ratio: float, count: int, zero_point: int, low: int = S8.low, high: int = S8.high
) -> Rescale:
    """The reference kernels' rescale of a sum of ``count`` integers into their mean, for a
    ``ratio`` of input to output scale: its multiplier is divided by ``count`` beforehand.
    ``ValueError`` if the ratio has no form. Example: ratio 1, count 4 gives 2**30 / 2**32.
    """
    whole = double_rescale([ratio], zero_point, low, high)
    shift = whole.shift[0]
    by = min(count.bit_length() - 1, MAX_SHIFT - shift)
    multiplier = (whole.multiplier[0] << by) // count
    return replace(whole, multiplier=(multiplier,), shift=(shift + by,))


BILINEAR_STEPS = 1 << 10
"""Into which bilinear resizing divides the way from one row or column to the next."""


def bilinear(
    before: int, after: int, *, align: bool, centres: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of each of ``after`` places the first of two neighbours among ``before``, and what the second
    has of ``BILINEAR_STEPS``, as the reference kernels of integers compute it.

    ``ValueError`` where these read beyond the map. Example: 2 to 4 gives 0, 0, 1, 1 with 0, 512, 0,
    0 (nothing is below the last), or with centres 0, 0, 0, 1 with 0, 256, 768, 0.
    """
    span = (before - 1, after - 1) if align and after > 1 else (before, after)
    step = (BILINEAR_STEPS * span[0] + span[1] // 2) // span[1]
    start = step // 2 - BILINEAR_STEPS // 2 if centres else 0
    places = np.maximum(np.arange(after, dtype=np.int64) * step + start, 0)
    first, weight = places // BILINEAR_STEPS, places % BILINEAR_STEPS
    if first[-1] >= before:
        raise ValueError(f"{before} to {after}: steps of {step}/1024 lead beyond the last")
    weight[first == before - 1] = 0
    return tuple(first.tolist()), tuple(weight.tolist())


def bilinear_rescale(low: int, high: int) -> Rescale:
    """The mean of bilinear weights, half away from zero: after a shift by one to the left the first
    rounding of ``DOUBLE`` has nothing to do."""
    shift = 2 * (BILINEAR_STEPS.bit_length() - 1) + 31
    return Rescale((1 << 30,), (shift,), Rounding.DOUBLE, low, high, left_shift=1)


def nearest(before: int, after: int, *, align: bool, centres: bool) -> tuple[int, ...]:
    """Where each of ``after`` places reads, of ``before``, in float32 as the reference kernels
    compute it: corners aligned, or pixels taken at their centres, or neither.
    Example: 2 to 4 gives 0, 0, 1, 1, with aligned corners 0, 0, 1, 1 too; 4 to 2 gives 0, 2, or
    with centres 1, 3.
    """
    span = (before - 1, after - 1) if align and after > 1 else (before, after)
    step = np.float32(span[0]) / np.float32(span[1])
    places = (np.arange(after, dtype=np.float32) + np.float32(0.5 if centres else 0)) * step
    found = np.floor(places.astype(np.float64) + (0.5 if align else 0)).astype(np.int64)
    return tuple(np.clip(found, 0, before - 1).tolist())
