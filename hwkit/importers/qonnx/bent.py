"""Leaky rectifiers: ``x`` from 0 up, ``slope * x`` below.

Until a quantizer is known the slope stays pending. The quantizer's integer is then the sum of two
rescales of one sum, of which one is 0 where the other is not: ``x / step`` clamped to what is above
the zero point and ``slope * x / step`` clamped to what is below. A negative slope turns its half
upwards: that is subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.arrange import facing
from hwkit.importers.qonnx.axes import along_channels
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.fixed import HALF_UP_SIGNED
from hwkit.importers.qonnx.integers import settle
from hwkit.importers.qonnx.rescale import Quantizer
from hwkit.importers.qonnx.rounding import EVEN, IMPORTER, Channel, ratio, rescales_to
from hwkit.importers.qonnx.values import Integers, Real, Table
from hwkit.ir.ops import Add, Overflow, Rescale, Rounding, Sub
from hwkit.ir.types import S32, Array, Quantization


def prelu(ctx: Context, node: Node) -> None:
    """``PRelu`` with a constant slope, one or one for each channel."""
    real, numbers = ctx.real(node, 0), ctx.numbers(node, 1)
    if numbers is None:
        raise UnsupportedOp(node.name, IMPORTER, "its slope is no constant; export it as one")
    if numbers.ndim == len(real.shape) and numbers.shape[0] == real.shape[0]:
        numbers = numbers[None]  # (C, 1, 1) beside (N, C, H, W)
    real = facing(ctx, node, real, numbers)
    ctx.put(node, bent(ctx, node, real, along_channels(node, "slope", numbers, real)))


def bent(ctx: Context, node: Node, real: Real, slope: Array) -> Real:
    """``real`` with what is below 0 times ``slope``."""
    if isinstance(real.source, Table) or real.is_clamped or real.slope is not None:
        real = settle(ctx, node, real)
    return replace(real, slope=slope.astype(np.float64))


def quantized(
    ctx: Context, node: Node, real: Real, q: Quantizer, name: str, facts: Quantization
) -> Integers:
    """The integers of ``q`` for ``real``, whose integers are in the graph and whose slope is
    pending."""
    assert real.slope is not None
    if q.overflow is Overflow.WRAP:
        raise UnsupportedOp(node.name, IMPORTER, "wrapping behind a LeakyRelu; saturate there")
    source, zero = real.integers, q.zero_point
    above = _part(node, real, q, np.ones(1), 0, max(q.high - zero, 0))
    up, down = np.maximum(real.slope, 0), np.maximum(-real.slope, 0)
    below = _part(node, real, q, up, min(q.low - zero, 0), 0)
    name = ctx.name(node, name)
    final = Rescale((1,), (0,), Rounding.FLOOR, q.low, q.high, zero)
    zeros, tensors = (source.zero_point,) * 2, (source.tensor,) * 2
    if not down.any():
        sums = Add(name, tensors, name, zeros, (above, below), rescale=final)
        ctx.builder.add(sums, q.dtype, facts)
    else:
        inner = ctx.name(node, f"{name}.upper")
        plain = Quantization(facts.scale)
        ctx.builder.add(Add(inner, tensors, inner, zeros, (above, below)), S32, plain)
        turned = _part(node, real, q, down, min(zero - q.high, 0), 0)
        operands = (inner, source.tensor)
        points = (0, source.zero_point)
        op = Sub(name, operands, name, points, (None, turned), rescale=final)
        ctx.builder.add(op, q.dtype, facts)
    return Integers(name, q.dtype, q.low, q.high, zero)


def _part(node: Node, real: Real, q: Quantizer, gain: Array, least: int, most: int) -> Rescale:
    """``round(gain * x / step)`` clamped to ``least..most``."""
    source = real.integers
    low, high = source.low - source.zero_point, source.high - source.zero_point
    channels = [
        Channel(ratio(float(s), float(t)) * ratio(float(g), 1.0),
                ratio(float(o), float(t)) * ratio(float(g), 1.0), low, high)
        for s, o, t, g in np.broadcast(real.scale, real.offset, q.scale, gain)
    ]  # fmt: skip
    return _single(node, channels, q.mode, least, most)


def _single(node: Node, channels: Sequence[Channel], mode: str, least: int, most: int) -> Rescale:
    """One rescale; ties that only two would give go up."""
    planned = rescales_to(node.name, channels, mode, 0, least, most)
    if planned.second is not None and mode in EVEN:
        planned = rescales_to(node.name, channels, HALF_UP_SIGNED, 0, least, most)
    if planned.second is not None or planned.negative is not None:
        raise UnsupportedOp(node.name, IMPORTER, f"{mode} rounding behind a slope; use ROUND")
    return planned.first
