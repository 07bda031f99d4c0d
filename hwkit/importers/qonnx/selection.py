"""Comparisons, logic, ``Where``, ``Min`` and ``Max``.

What chooses by one tensor's own integers (``where(x > 0, x, 0.1 * x)``) is a function of them: a
table. Between several tensors a condition is 0 or 1, and a choice a product and a sum: ``b + c *
(a - b)``; the larger of two is ``b + max(a - b, 0)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx import sums
from hwkit.importers.qonnx.attention import constant_activation
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.functions import applied, together
from hwkit.importers.qonnx.integers import on_one_grid, quantize, settle
from hwkit.importers.qonnx.layers import affine, clamped
from hwkit.importers.qonnx.plain import COMPARISONS, LOGIC
from hwkit.importers.qonnx.rescale import Quantizer
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Curve, Fresh, Real, Table, Weight
from hwkit.ir.types import Array, IntType

_BIT = IntType(1, False)
_GRID_BITS = 27
"""Of a common grid: the largest number reaches 2**27 there, differences and sums fit 32 bits."""
_TRUE = Quantizer(np.ones(1), 0, _BIT, 0, 1, "ROUND")


def compare(ctx: Context, node: Node) -> None:
    """``Greater``, ``Less``, ``Equal`` and their kin: 1.0 where it holds, else 0.0."""
    relation = COMPARISONS[node.op_type]
    one, other = ctx.numbers(node, 0), ctx.numbers(node, 1)
    if one is None and other is None:
        found = together(
            node, lambda a, b: _number(relation(node, a, b)), ctx.real(node, 0), ctx.real(node, 1)
        )
        if found is not None:
            ctx.put(node, found)
            return
    left = ctx.real(node, 0) if one is None else one
    right = ctx.real(node, 1) if other is None else other
    if isinstance(right, np.ndarray) and right.size == 1 and isinstance(left, Real):
        value = float(right.flat[0])
        ctx.put(node, applied(node, left, lambda x: _number(relation(node, x, np.array(value)))))
    elif isinstance(left, np.ndarray) and left.size == 1 and isinstance(right, Real):
        value = float(left.flat[0])
        ctx.put(node, applied(node, right, lambda x: _number(relation(node, np.array(value), x))))
    else:
        apart = ctx.values[_made(ctx, node, "Sub", node.inputs, "difference")]
        assert isinstance(apart, Real)
        zero = np.zeros(())
        ctx.put(node, applied(node, apart, lambda x: _number(relation(node, x, zero))))


def logic(ctx: Context, node: Node) -> None:
    """``And``, ``Or``, ``Xor`` of two conditions."""
    sides = _condition(ctx, node, 0), _condition(ctx, node, 1)
    operate = LOGIC[node.op_type]
    constant = [k for k, side in enumerate(sides) if isinstance(side, np.ndarray)]
    if constant:
        value, real = sides[constant[0]], sides[1 - constant[0]]
        assert isinstance(value, np.ndarray) and isinstance(real, Real)
        if value.size != 1:
            raise UnsupportedOp(node.name, IMPORTER, "a constant condition of several values")
        ctx.put(node, applied(node, real, lambda x: _number(operate(node, x, value.reshape(())))))
        return
    one, other = sides
    assert isinstance(one, Real) and isinstance(other, Real)
    found = together(node, lambda a, b: _number(operate(node, a, b)), one, other)
    if found is None:
        names = [_bits(ctx, node, side, f"side{k}") for k, side in enumerate((one, other))]
        total = ctx.values[_made(ctx, node, "Add", names, "total")]
        assert isinstance(total, Real)
        reached = {"And": lambda x: x > 1.5, "Or": lambda x: x > 0.5, "Xor": lambda x: x == 1}
        found = applied(node, total, lambda x: _number(reached[node.op_type](x)))
    ctx.put(node, found)


def negation(ctx: Context, node: Node) -> None:
    """``Not``."""
    ctx.put(node, applied(node, ctx.real(node, 0), lambda x: _number(x == 0)))


def where(ctx: Context, node: Node) -> None:
    """``Where`` of a condition and two tensors or constants."""
    condition = _condition(ctx, node, 0)
    sides = [ctx.numbers(node, k) for k in (1, 2)]
    if isinstance(condition, np.ndarray):
        if np.ptp(_number(condition)) == 0:
            _whole(ctx, node, 1 if condition.flat[0] else 2)
            return
        like = next((ctx.real(node, k + 1) for k, s in enumerate(sides) if s is None), None)
        if like is None:
            raise UnsupportedOp(node.name, IMPORTER, "chooses among constants; fold it and export")
        mask = Weight(condition.astype(np.int64), np.ones(1), _BIT, "")
        condition = constant_activation(ctx, node, mask, len(like.shape))
    reals = [ctx.real(node, k + 1) for k, side in enumerate(sides) if side is None]
    if all(side is None or side.size == 1 for side in sides):
        found = together(node, lambda *x: _chosen(sides, *x), condition, *reals)
        if found is not None:
            ctx.put(node, found)
            return
    if sides[0] is not None and sides[1] is not None:
        _between_constants(ctx, node, condition, sides[0], sides[1])
        return
    swapped = sides[0] is not None
    if swapped:
        condition = affine(ctx, node, condition, -np.ones(1), np.ones(1))
    first, second = (node.inputs[2], node.inputs[1]) if swapped else node.inputs[1:3]
    if len(reals) == 2:
        first, second = _alike(ctx, node, first, second)
    chosen = _bits(ctx, node, condition, "condition")
    apart = _made(ctx, node, "Sub", (first, second), "apart")
    taken = _made(ctx, node, "Mul", (chosen, apart), "taken")
    sums.add(ctx, replace(node, op_type="Add", inputs=(second, taken), attributes={}))


def extremes(ctx: Context, node: Node) -> None:
    """``Min`` and ``Max`` of tensors and constants."""
    given = list(node.inputs)
    name = given[0]
    for k, other in enumerate(given[1:]):
        last = k == len(given) - 2
        output = node.outputs[0] if last else f"{node.outputs[0]}~{k}"
        _extreme(ctx, replace(node, inputs=(name, other), outputs=(output,)))
        name = output
    if len(given) == 1:
        ctx.put(node, ctx.value(node, 0))


def _extreme(ctx: Context, node: Node) -> None:
    numbers = [ctx.numbers(node, k) for k in (0, 1)]
    smaller = node.op_type == "Min"
    for k, constant in enumerate(numbers):
        if constant is not None and constant.size == 1:
            real, value = ctx.real(node, 1 - k), float(constant.flat[0])
            ctx.put(node, clamped(real, *((-np.inf, value) if smaller else (value, np.inf))))
            return
    if numbers == [None, None]:
        operate = np.minimum if smaller else np.maximum
        found = together(node, lambda a, b: operate(a, b), ctx.real(node, 0), ctx.real(node, 1))
        if found is not None:
            ctx.put(node, found)
            return
    first, second = reversed(node.inputs) if numbers[0] is not None else node.inputs
    if numbers == [None, None]:
        first, second = _alike(ctx, node, first, second)
    apart = _made(ctx, node, "Sub", (first, second), "apart")
    difference = ctx.values[apart]
    assert isinstance(difference, Real)
    ctx.values[apart] = clamped(difference, *((-np.inf, 0.0) if smaller else (0.0, np.inf)))
    sums.add(ctx, replace(node, op_type="Add", inputs=(apart, second), attributes={}))


def _alike(ctx: Context, node: Node, first: str, second: str) -> tuple[str, str]:
    """Two tensors on one grid, so that a difference and a sum of them lose nothing; the names."""
    reals = [
        settle(ctx, node, real) for n in (first, second) if isinstance(real := ctx.values[n], Real)
    ]
    one, other = reals
    sizes = {v.size for r in reals for v in (r.scale, r.offset)}
    if (
        sizes == {1}
        and one.scale[0] == other.scale[0]
        and not (one.offset.any() or other.offset.any())
    ):
        return first, second
    names = f"{node.outputs[0]}~first", f"{node.outputs[0]}~second"
    ctx.values |= zip(names, on_one_grid(ctx, node, reals, _GRID_BITS), strict=True)
    return names


def _chosen(sides: list[Array | None], condition: Array, *reals: Array) -> Array:
    left = iter(reals)
    one, other = (next(left) if s is None else np.float64(s.flat[0]) for s in sides)
    return np.where(condition > 0.5, one, other)


def _whole(ctx: Context, node: Node, position: int) -> None:
    value = ctx.value(node, position)
    if not isinstance(value, Real | Fresh):
        raise UnsupportedOp(node.name, IMPORTER, "always chooses a constant; fold it and export")
    ctx.put(node, value)


def _between_constants(ctx: Context, node: Node, condition: Real, one: Array, other: Array) -> None:
    """``other + condition * (one - other)``."""
    name = f"{node.outputs[0]}~apart"
    ctx.values[name] = np.asarray(one - other)
    ctx.values[f"{name}.condition"] = quantize(ctx, node, condition, _TRUE, "")
    taken = _made(ctx, node, "Mul", (f"{name}.condition", name), "taken")
    sums.add(ctx, replace(node, op_type="Add", inputs=(taken, node.inputs[2]), attributes={}))


def _condition(ctx: Context, node: Node, position: int) -> Real | Array:
    value = ctx.value(node, position)
    return value if isinstance(value, np.ndarray) else ctx.real(node, position)


def _bits(ctx: Context, node: Node, condition: Real, suffix: str) -> str:
    """The name of a condition as integers 0 and 1."""
    name = f"{node.outputs[0]}~{suffix}"
    bits = condition
    if isinstance(bits.source, Table | Curve) or bits.integers.dtype.bits > 1 or not bits.is_plain:
        bits = quantize(ctx, node, condition, _TRUE, "")
    ctx.values[name] = bits
    return name


_HANDLERS: dict[str, Callable[[Context, Node], None]] = {
    "Add": sums.add,
    "Sub": sums.arithmetic,
    "Mul": sums.arithmetic,
}


def _made(
    ctx: Context, node: Node, kind: str, inputs: tuple[str, ...] | list[str], suffix: str
) -> str:
    """The name of what an operator of ``kind`` gives, added in the place of ``node``."""
    name = f"{node.outputs[0]}~{suffix}"
    given = tuple(inputs)
    _HANDLERS[kind](ctx, replace(node, op_type=kind, inputs=given, outputs=(name,), attributes={}))
    return name


def _number(truth: Array) -> Array:
    return np.asarray(truth, np.float64)
