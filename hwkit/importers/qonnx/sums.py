"""Sums: of two activations, brought to one scale, and arithmetic with constants."""

from __future__ import annotations

from dataclasses import replace
from math import lcm

import numpy as np

from hwkit.errors import GraphError
from hwkit.importers.qonnx.arrange import facing
from hwkit.importers.qonnx.attention import constant_activation
from hwkit.importers.qonnx.axes import along_channels, require_fit
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.functions import combined, quotient
from hwkit.importers.qonnx.integers import settled, with_room
from hwkit.importers.qonnx.layers import affine
from hwkit.importers.qonnx.products import operands, product, repeated
from hwkit.importers.qonnx.quotients import divided
from hwkit.importers.qonnx.rounding import ratio
from hwkit.importers.qonnx.values import Fresh, Integers, Real, Weight
from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.ops import Add, Rescale, Rounding, Sub
from hwkit.ir.types import S32, Array, Quantization

_ADD_LEFT_SHIFT = 20
"""As in TFLite: 20 fractional bits for the sum of two 8-bit tensors of different scales."""


def add(ctx: Context, node: Node) -> None:
    """``Add``: of two activations, or of one and a constant (a bias)."""
    numbers = [ctx.numbers(node, i) for i in (0, 1)]
    for i in (0, 1):
        constant = numbers[i]
        if constant is not None:
            value = ctx.value(node, 1 - i)
            if isinstance(value, Fresh):
                ctx.put(node, _normalized(node, value, np.ones(1), constant))
                return
            if _differs_by_place(ctx, node, i, constant):
                _placed(ctx, node, i)
                return
            real = facing(ctx, node, ctx.real(node, 1 - i), constant)
            offset = along_channels(node, "constant", constant, real)
            ctx.put(node, affine(ctx, node, real, np.ones(1), offset))
            return
    _of_two(ctx, node)


def _differs_by_place(ctx: Context, node: Node, position: int, constant: Array) -> bool:
    """Whether a quantized constant differs along more than channels, as embedded positions do."""
    if not isinstance(ctx.value(node, position), Weight):
        return False
    sizes = [n for n in constant.shape if n > 1]
    return len(sizes) > 1 and constant.size > max(sizes)


def _placed(ctx: Context, node: Node, position: int) -> None:
    """A sum whose input ``position`` is such a constant."""
    real, weight = settled(ctx, node, 1 - position), ctx.value(node, position)
    assert isinstance(weight, Weight)
    a, b = operands(ctx, node, (real, constant_activation(ctx, node, weight, len(real.shape))))
    ctx.put(node, _sum(ctx, node, a, b))


def _of_two(ctx: Context, node: Node) -> None:
    """``Add``, ``Sub``, ``Mul`` or ``Div`` of two activations."""
    given = ctx.real(node, 0), ctx.real(node, 1)
    if (found := combined(node, *given)) is not None:
        ctx.put(node, found)
    elif node.op_type == "Mul":
        product(ctx, node)
    elif node.op_type in ("Add", "Sub"):
        a, b = operands(ctx, node, (settled(ctx, node, 0), settled(ctx, node, 1)))
        ctx.put(node, _sum(ctx, node, a, b))
    else:
        divided(ctx, node)


def _sum(ctx: Context, node: Node, a: Real, b: Real) -> Real:
    a, b = with_room(ctx, node, a, 2), with_room(ctx, node, b, 2)
    one, two = a.integers, b.integers
    rescales, scale = _common_scale(node, (a, b), (one, two))
    name = ctx.name(node)
    kind = Sub if node.op_type == "Sub" else Add
    op = kind(name, (one.tensor, two.tensor), name, (one.zero_point, two.zero_point), rescales)
    ctx.builder.add(op, S32, Quantization(tuple(float(s) for s in scale)))
    steps = [int(np.ceil(r.scale / scale).max()) for r in (a, b)]
    reach = sum(k * _reach(s) for k, s in zip(steps, (one, two), strict=True))
    summed = Integers(name, S32, -reach, reach)
    offset = a.offset + (b.offset if kind is Add else -b.offset)
    shape = repeated(a.shape, b.shape)
    refined = a.refined or b.refined
    return replace(a, source=summed, scale=scale, offset=offset, refined=refined, shape=shape)


def _common_scale(
    node: Node, reals: tuple[Real, Real], sources: tuple[Integers, Integers]
) -> tuple[tuple[Rescale | None, Rescale | None], Array]:
    """Rescales that bring both sides to one scale, and that scale.

    Equal scales need none. Scales with a common divisor that is not too small take it, exactly.
    Others take the largest one's 2**-19, as TFLite does; the multiplier has 31 bits.
    """
    a, b = reals[0].scale, reals[1].scale
    if np.array_equal(np.broadcast_arrays(a, b)[0], np.broadcast_arrays(a, b)[1]):
        return (None, None), a if a.size >= b.size else b
    if (exact := _common_divisor(reals, sources)) is not None:
        return exact
    bits = max(source.dtype.bits for source in sources)
    largest = 2 * max(float(a.max()), float(b.max()))
    left = _ADD_LEFT_SHIFT if bits <= 8 else 28 - bits if bits <= 16 else 0
    if left:
        scale = largest / (1 << left)
    else:
        reach = sum(float(r.scale.max()) * _reach(s) for r, s in zip(reals, sources, strict=True))
        scale = reach / (1 << 29)
    rescales = [_to_scale(node, s / (scale * (1 << left)), left) for s in (a, b)]
    return (rescales[0], rescales[1]), np.array([scale])


def _common_divisor(
    reals: tuple[Real, Real], sources: tuple[Integers, Integers]
) -> tuple[tuple[Rescale | None, Rescale | None], Array] | None:
    """A scale of which all others are whole multiples, if the sum then fits 32 bits; exact.

    Example: 0.5 and 0.75 are 2 and 3 times 0.25.
    """
    finest = min(float(r.scale.min()) for r in reals)
    multiples = [[ratio(float(s), finest) for s in r.scale] for r in reals]
    divisor = lcm(*(m.denominator for row in multiples for m in row))
    gains = [[int(m * divisor) for m in row] for row in multiples]
    if sum(max(row) * _reach(s) for row, s in zip(gains, sources, strict=True)) > S32.high:
        return None
    rescales = [
        Rescale(tuple(row), (0,) * len(row), Rounding.HALF_EVEN, S32.low, S32.high)
        if max(row) > 1
        else None
        for row in gains
    ]
    return (rescales[0], rescales[1]), np.array([finest / divisor])


def _reach(source: Integers) -> int:
    """Largest magnitude without the zero point."""
    return max(abs(source.low - source.zero_point), abs(source.high - source.zero_point))


def _to_scale(node: Node, ratios: Array, left: int) -> Rescale:
    try:
        pairs = [quantize_multiplier(float(r)) for r in ratios]
    except ValueError as error:
        raise GraphError(node.name, f"scales are too far apart ({error})") from error
    return Rescale(
        tuple(m for m, _ in pairs),
        tuple(s for _, s in pairs),
        Rounding.HALF_UP,
        S32.low,
        S32.high,
        left_shift=left,
    )


def arithmetic(ctx: Context, node: Node) -> None:
    """``Mul``, ``Div`` and ``Sub`` with a constant."""
    first, constant = ctx.numbers(node, 0), ctx.numbers(node, 1)
    position, swapped = 0, False
    if constant is None and first is not None:
        if node.op_type == "Div":
            quotient(ctx, node, first)
            return
        constant, position, swapped = first, 1, True
    if constant is None:
        _of_two(ctx, node)
        return
    value = ctx.value(node, position)
    values = constant
    if not isinstance(value, Fresh):
        real = facing(ctx, node, ctx.real(node, position), constant)
        values = along_channels(node, "constant", constant, real)
    one, zero = np.ones(1), np.zeros(1)
    if node.op_type == "Sub":
        gain, offset = (-one, values) if swapped else (one, -values)
    elif node.op_type == "Mul":
        gain, offset = values, zero
    elif (values == 0).any():
        raise GraphError(node.name, "divides by 0; export again")
    else:
        gain, offset = 1 / values, zero
    if isinstance(value, Fresh):
        ctx.put(node, _normalized(node, value, gain, offset))
    else:
        ctx.put(node, affine(ctx, node, real, gain, offset))


def _normalized(node: Node, fresh: Fresh, gain: Array, offset: Array) -> Fresh:
    """What a network does to an input before its first quantizer: whoever feeds the graph with
    that quantizer's integers has done it."""
    for values in (gain, offset):
        require_fit(node, "constant", values, (1, *fresh.shape))
    if not gain.all():
        raise GraphError(node.name, "multiplies an input by 0; export again")
    return fresh.normalized(gain, offset)
