"""Bias and rescale of one quantizer: whole steps of the sum in the one, the rest in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np

from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.rescale import Quantizer
from hwkit.importers.qonnx.rounding import UNSEEN, Channel, Rescales, ratio, rescales_to
from hwkit.importers.qonnx.values import Integers, Layer, Real, one_or_all
from hwkit.ir.ops import Rescale
from hwkit.ir.types import S32, Array


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums of one channel without a bias, and the bias that they have or may get."""

    ratio: Fraction
    offset: Fraction
    low: int
    high: int
    bias: int = 0

    def whole_steps(self) -> int:
        """Whole steps of the sum in the offset; 0 where the sums with it would not fit 32 bits, as
        those of a channel that a batch norm has nearly switched off."""
        steps = floor(self.offset / self.ratio) if self.ratio else 0
        return steps if self.fits(steps - 1) and self.fits(steps + 1) else 0

    def fits(self, bias: int) -> bool:
        """Whether the sums with ``bias`` fit 32 bits."""
        return S32.low <= self.low + bias and self.high + bias <= S32.high

    def channel(self) -> Channel:
        """The sums with their bias."""
        return Channel(
            self.ratio,
            self.offset - self.bias * self.ratio,
            self.low + self.bias,
            self.high + self.bias,
        )


def planned_for(
    ctx: Context, node: Node, real: Real, q: Quantizer, least: int, most: int
) -> tuple[Integers, Rescales]:
    """The integers to rescale, and how; a layer gets its bias and enters the graph here."""
    layer = real.source
    if not isinstance(layer, Layer):
        source = real.integers
        low, high = (np.array([b - source.zero_point]) for b in (source.low, source.high))
        sums = _sums(real.scale, real.offset, q.scale, low, high)
        return source, _plan(node, sums, q, least, most)
    sign, positive = layer.signs(real.scale)
    low, high = layer.sums(sign)
    known = layer.bias_of(sign)
    if known is None and real.scale.size == real.offset.size == q.scale.size == 1:
        low, high = low.min(keepdims=True), high.max(keepdims=True)
    sums = _sums(one_or_all(positive), real.offset, q.scale, low, high)
    if known is not None:
        bias = known
        sums = [replace(s, bias=int(b)) for s, b in zip(sums, known, strict=True)]
        planned = _plan(node, sums, q, least, most)
    else:
        sums = [replace(s, bias=s.whole_steps()) for s in sums]
        planned = _plan(node, sums, q, least, most)
        bias = np.array([s.bias for s in sums], np.int64)
        if planned.negative is None:
            more, first = _whole_steps(sums, planned.first)
            bias, planned = bias + more, replace(planned, first=first)
    source = layer.add(ctx.builder, sign, positive, np.broadcast_to(bias, sign.shape))
    return source, planned


def _sums(scale: Array, offset: Array, step: Array, low: Array, high: Array) -> list[_Sums]:
    """One entry, or one a channel, in steps of the output."""
    return [
        _Sums(ratio(float(s), float(q)), ratio(float(o), float(q)), int(lo), int(hi))
        for s, o, q, lo, hi in np.broadcast(scale, offset, step, low, high)
    ]


def _plan(node: Node, sums: Sequence[_Sums], q: Quantizer, least: int, most: int) -> Rescales:
    channels = [s.channel() for s in sums]
    return rescales_to(node.name, channels, q.mode, q.zero_point, least, most, q.overflow)


def _whole_steps(sums: Sequence[_Sums], r: Rescale) -> tuple[Array, Rescale]:
    """The canonical form: ``0 <= offset < multiplier``, whole steps apart."""
    more, rest = [], []
    columns = np.broadcast_arrays(
        np.array(r.multiplier, object), np.array(r.shift, object), np.array(r.offset, object),
        np.zeros(len(sums), object),
    )  # fmt: skip
    for s, m, shift, offset, _ in zip(sums, *columns, strict=True):
        if not m:
            more.append(0)
            rest.append(offset)
            continue
        steps, left = divmod(offset, m)
        if not s.channel().is_dyadic:
            unseen = floor(UNSEEN * (1 << shift))
            if left > m - 1 - unseen:
                steps, left = steps + 1, 0
            elif left <= unseen:
                left = 0
        fits = s.fits(s.bias + steps)
        more.append(steps if fits else 0)
        rest.append(left if fits else offset)
    return np.array(more, np.int64), replace(
        r, offset=tuple(rest[:1] if len(set(rest)) == 1 else rest)
    )
