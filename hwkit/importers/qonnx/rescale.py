"""Quantizers of QONNX: reading them, and quantizing weights and single numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isinf

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.axes import require_fit
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.fixed import WRAP_BITS
from hwkit.importers.qonnx.linear import AXIS, along, narrowed
from hwkit.importers.qonnx.rounding import (
    IMPORTER,
    LINEAR,
    check_mode,
    ratio,
    round_exact,
    rounded_with,
    tie_distance,
)
from hwkit.ir.ops import Overflow
from hwkit.ir.types import Array, IntType, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Quantizer:
    """``clamp(round(x / scale + zero_point), low, high)``; float64 ``scale`` as it broadcasts."""

    scale: Array
    zero_point: int
    dtype: IntType
    low: int
    high: int
    mode: str
    overflow: Overflow = Overflow.SATURATE


def is_bipolar(node: Node, constants: Mapping[str, Array]) -> bool:
    """Whether a ``Quant`` has one signed bit: QONNX takes that for -1 and 1, without rounding."""
    bits, zero_point = (constants.get(name) for name in (*node.inputs[3:4], *node.inputs[2:3]))
    if bits is None or zero_point is None or not node.attribute("signed", 1):
        return False
    return bits.size > 0 and bool((bits == 1).all()) and not zero_point.any()


def read_quantizer(
    node: Node, constants: Mapping[str, Array], max_bits: int, shape: Shape | None = None
) -> Quantizer:
    """The quantizer of a ``Quant`` node: inputs x, scale, zero point, bit width.

    ``shape`` is that of one sample of the activation that it quantizes, if it is one. Raises
    ``GraphError`` for values that make no sense, ``UnsupportedOp`` for widths above
    ``max_bits`` or a signed width of 1.
    """
    scale, zero_point, bits = (_constant(node, i, constants) for i in (1, 2, 3))
    if AXIS in node.attributes and shape is not None:
        axis, rank = node.attribute(AXIS, 1), len(shape) + 1
        scale, zero_point = (along(node, v, axis, rank) for v in (scale, zero_point))
    if shape is not None:
        require_fit(node, "zero point", zero_point, (1, *shape))
        require_fit(node, "bit width", bits, (1, *shape))
    width = int(_single(node, bits, "bit width"))
    signed = bool(node.attribute("signed", 1))
    wraps = WRAP_BITS in node.attributes
    if wraps:
        width = node.attribute(WRAP_BITS, 0)
    if not 1 <= width <= max_bits or (signed and width == 1):
        raise UnsupportedOp(
            node.name, IMPORTER, f"a width of {width} bits; use {1 + signed} to {max_bits} bits"
        )
    q = quantizer(
        node,
        scale,
        int(_single(node, zero_point, "zero point")),
        IntType(width, signed),
        bool(node.attribute("narrow", 0)) and not wraps,
    )
    return replace(q, overflow=Overflow.WRAP) if wraps else q


def quantizer(node: Node, scale: Array, zero_point: int, dtype: IntType, narrow: bool) -> Quantizer:
    """The checked quantizer with these fields and the rounding mode of ``node``."""
    if abs(zero_point) >= 1 << 31:
        raise GraphError(node.name, f"zero point {zero_point} is no 32-bit integer; export again")
    with np.errstate(all="ignore"):
        steps = scale.astype(np.float32)
    if scale.dtype.kind != "f" or scale.size == 0 or not (np.isfinite(steps) & (steps > 0)).all():
        raise GraphError(node.name, "its scale is no float32 above 0; calibrate or train it")
    mode = node.attribute("rounding_mode", "ROUND").upper()
    check_mode(node.name, mode)
    dtype, low, high = narrowed(dtype, node.attributes)
    if low > high:
        raise GraphError(node.name, "clips its integers to a range that they never reach")
    return Quantizer(
        scale=scale.astype(np.float64),
        zero_point=zero_point,
        dtype=dtype,
        low=low + (narrow and dtype.signed),
        high=high - (narrow and not dtype.signed),
        mode=mode,
    )


def _constant(node: Node, position: int, constants: Mapping[str, Array]) -> Array:
    name = node.inputs[position] if position < len(node.inputs) else ""
    if name not in constants:
        raise UnsupportedOp(
            node.name, IMPORTER, "its scale, zero point and bit width must be constants"
        )
    return constants[name]


def _single(node: Node, value: Array, what: str) -> float:
    if value.size == 0 or value.dtype.kind not in "fiu":
        raise GraphError(node.name, f"its {what} is {value!r:.60}, not one whole number")
    if np.ptp(value) != 0:
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"a {what} that differs within a tensor (shape {value.shape}); use one",
        )
    number = float(value.flat[0])
    if number != int(number):
        raise GraphError(node.name, f"its {what} is {number:g}, not one whole number")
    return number


def quantize_weights(
    node: Node, values: Array, q: Quantizer, zero_points: Array | None = None
) -> Array:
    """Integers of a float32 weight, zero point taken off, computed in float32 as PyTorch does.
    ``zero_points`` are those of each channel, where they differ.

    Example: 0.26 with scale 0.1 and 8 bits is 3.
    """
    try:
        with np.errstate(over="ignore"):
            scaled = values.astype(np.float32) / q.scale.astype(np.float32)
    except ValueError as error:
        raise GraphError(
            node.name, f"scale of shape {q.scale.shape} does not fit weight {values.shape}"
        ) from error
    if scaled.shape != values.shape:
        raise GraphError(
            node.name, f"scale of shape {q.scale.shape} does not fit weight {values.shape}"
        )
    zero = np.float32(q.zero_point) if zero_points is None else zero_points.astype(np.float32)
    if (
        np.broadcast_shapes(zero.shape, values.shape) != values.shape
        or (zero != np.rint(zero)).any()
    ):
        raise GraphError(
            node.name, f"zero points of shape {zero.shape} do not fit weight {values.shape}"
        )
    rounded = rounded_with(scaled, zero, q.mode)
    integers: Array = np.clip(rounded, q.low, q.high).astype(np.int64) - zero.astype(np.int64)
    return integers


_NEAR = 1e-12
"""Of a quotient in steps: float64 is exact to less."""


def bounds(values: Array, q: Quantizer) -> Array:
    """The integers to which ``q`` (of one scale) takes finite reals: in float64 where no tie is
    near, exactly elsewhere."""
    steps = values / float(q.scale.flat[0])
    integers: Array = np.clip(rounded_with(steps, q.zero_point, q.mode), q.low, q.high)
    integers = integers.astype(np.int64)
    near = tie_distance(steps, q.mode) < _NEAR * np.maximum(np.abs(steps), 1)
    for k in np.flatnonzero(near):
        integers[k] = bound(float(values[k]), q)
    return integers


def bound(value: float, q: Quantizer) -> int:
    """The integer to which ``q`` (of one scale) takes a real, infinite ones included."""
    if isinf(value):
        return q.high if value > 0 else q.low
    exact = ratio(value, float(q.scale.flat[0]))
    integer = (
        round_exact(exact, q.mode) + q.zero_point
        if q.mode == LINEAR
        else round_exact(exact + q.zero_point, q.mode)
    )
    return min(max(integer, q.low), q.high)
