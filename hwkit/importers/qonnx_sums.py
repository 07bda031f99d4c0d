"""Sums: of two activations, brought to one scale, and arithmetic with constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx_context import Context
from hwkit.importers.qonnx_file import Node
from hwkit.importers.qonnx_layers import affine
from hwkit.importers.qonnx_rescale import IMPORTER, power_of_two_ratio
from hwkit.importers.qonnx_values import Integers, Real
from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.ops import Add, Rescale, Rounding
from hwkit.ir.types import S32, Array, Quantization

_ADD_LEFT_SHIFT = 20
"""As in TFLite: 20 fractional bits for the sum of two 8-bit tensors of different scales."""


def add(ctx: Context, node: Node) -> None:
    """``Add``: of two activations, or of one and a constant (a bias)."""
    numbers = [ctx.numbers(node, i) for i in (0, 1)]
    for i in (0, 1):
        constant = numbers[i]
        if constant is not None:
            real = ctx.real(node, 1 - i)
            offset = _aligned(node, real, constant)
            ctx.put(node, affine(ctx, node, real, np.ones(1), offset))
            return
    a, b = ctx.settled(node, 0), ctx.settled(node, 1)
    if a.shape != b.shape or not _same_order(a, b):
        raise UnsupportedOp(node.name, IMPORTER, f"shapes {a.shape} and {b.shape}; make them equal")
    ctx.put(node, _sum(ctx, node, a, b))


def _same_order(a: Real, b: Real) -> bool:
    if a.order is None or b.order is None:
        return a.order is b.order
    return bool(np.array_equal(a.order, b.order))


def _sum(ctx: Context, node: Node, a: Real, b: Real) -> Real:
    one, two = a.integers, b.integers
    rescales, scale = _common_scale(node, (a, b), (one, two))
    name = ctx.name(node)
    op = Add(name, (one.tensor, two.tensor), name, (one.zero_point, two.zero_point), rescales)
    ctx.builder.add(op, S32, Quantization(tuple(float(s) for s in scale)))
    steps = [int(np.ceil(r.scale / scale).max()) for r in (a, b)]
    reach = sum(k * _reach(s) for k, s in zip(steps, (one, two), strict=True))
    return replace(a, source=Integers(name, S32, -reach, reach), scale=scale)


def _common_scale(
    node: Node, reals: tuple[Real, Real], sources: tuple[Integers, Integers]
) -> tuple[tuple[Rescale | None, Rescale | None], Array]:
    """Rescales that bring both sides to one scale, and that scale.

    Equal scales need none. Scales that differ by powers of two take the smallest one, exactly.
    Others take the largest one's 2**-19, as TFLite does; the multiplier has 31 bits.
    """
    a, b = reals[0].scale, reals[1].scale
    if np.array_equal(np.broadcast_arrays(a, b)[0], np.broadcast_arrays(a, b)[1]):
        return (None, None), a if a.size >= b.size else b
    if (exact := _dyadic_scale(reals, sources)) is not None:
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


def _dyadic_scale(
    reals: tuple[Real, Real], sources: tuple[Integers, Integers]
) -> tuple[tuple[Rescale | None, Rescale | None], Array] | None:
    """The smallest scale of both sides where all others are it times a power of two, exactly."""
    finest = min(float(r.scale.min()) for r in reals)
    rescales: list[Rescale | None] = []
    total = 0
    for real, source in zip(reals, sources, strict=True):
        steps = [power_of_two_ratio(float(s), finest) for s in real.scale]
        known = [k for k in steps if k is not None and k <= _ADD_LEFT_SHIFT]
        if len(known) != len(steps):
            return None
        total += _reach(source) << max(known)
        gains = tuple(1 << k for k in known)
        exact = Rescale(gains, (0,) * len(gains), Rounding.HALF_EVEN, S32.low, S32.high)
        rescales.append(exact if max(known) else None)
    if total > S32.high:
        return None
    return (rescales[0], rescales[1]), np.array([finest])


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


def _aligned(node: Node, real: Real, constant: Array) -> Array:
    """A constant as one number, or one a channel of the graph's last axis."""
    if constant.size == 1:
        return constant.reshape(1)
    rank = len(real.shape) + 1
    sizes = (1,) * (rank - constant.ndim) + constant.shape
    if len(sizes) != rank or sizes[1] != constant.size or constant.size != real.shape[0]:
        raise UnsupportedOp(
            node.name, IMPORTER, f"a constant of shape {constant.shape}; one number a channel"
        )
    values = constant.reshape(-1)
    return values[real.order] if real.order is not None else values


def arithmetic(ctx: Context, node: Node) -> None:
    """``Mul``, ``Div`` and ``Sub`` with a constant."""
    first, constant = ctx.numbers(node, 0), ctx.numbers(node, 1)
    position, swapped = 0, False
    if constant is None and first is not None and node.op_type != "Div":
        constant, position, swapped = first, 1, True
    if constant is None:
        raise UnsupportedOp(node.name, IMPORTER, f"{node.op_type} of two activations; use Add")
    real = ctx.real(node, position)
    values = _aligned(node, real, constant)
    one, zero = np.ones(1), np.zeros(1)
    if node.op_type == "Sub":
        gain, offset = (-one, values) if swapped else (one, -values)
    elif node.op_type == "Mul":
        gain, offset = values, zero
    elif (values == 0).any():
        raise GraphError(node.name, "divides by 0; export again")
    else:
        gain, offset = 1 / values, zero
    ctx.put(node, affine(ctx, node, real, gain, offset))
