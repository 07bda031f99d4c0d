"""Replaces roundings that a target lacks by the one it has. Moves integers, and says where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from hwkit.errors import UnsupportedOp
from hwkit.ir.arith import float32_multiplier, quantize_multiplier
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    MatMul,
    Mul,
    Op,
    Prelu,
    Requantize,
    Rescale,
    Rounding,
    Softmax,
    Sub,
    SumPool2d,
)

_Rescaled = (
    Conv2d | DepthwiseConv2d | Dense | Mul | MatMul | SumPool2d | Requantize | Softmax | LayerNorm
)


def retarget_rounding(
    graph: Graph, allowed: Mapping[type[Op], tuple[Rounding, ...]], target: str
) -> tuple[Graph, tuple[str, ...]]:
    """The graph with roundings from ``allowed`` only, and the names of the nodes that changed.

    A rounding that is not allowed becomes the first allowed one for that op class. Raises
    ``UnsupportedOp`` when a multiplier has no form in the new rounding.
    """
    nodes: list[Op] = []
    changed: list[str] = []
    for op in graph.nodes:
        new = _retargeted(op, allowed.get(type(op), tuple(Rounding)), target)
        if new != op:
            changed.append(op.name)
        nodes.append(new)
    return graph.with_nodes(tuple(nodes)), tuple(changed)


def _retargeted(op: Op, allowed: tuple[Rounding, ...], target: str) -> Op:
    if isinstance(op, _Rescaled):
        return _with_rescale(op, allowed, target)
    if isinstance(op, Prelu):
        positive, negative = (
            in_rounding(r, allowed, op.name, target) for r in (op.positive, op.negative)
        )
        return replace(op, positive=positive, negative=negative)
    if isinstance(op, Add | Sub):
        first, second = (
            None if r is None else in_rounding(r, allowed, op.name, target)
            for r in op.input_rescales
        )
        out = op.rescale
        if out is not None:
            out = in_rounding(out, allowed, op.name, target)
        return replace(op, input_rescales=(first, second), rescale=out)
    return op


def _with_rescale(op: _Rescaled, allowed: tuple[Rounding, ...], target: str) -> Op:
    if op.rescale is None:
        return op
    return replace(op, rescale=in_rounding(op.rescale, allowed, op.name, target))


def in_rounding(r: Rescale, allowed: tuple[Rounding, ...], node: str, target: str) -> Rescale:
    """``r`` if its rounding is allowed, else the nearest rescale in ``allowed[0]``.

    Example: multiplier 1, shift 3 half even becomes multiplier 2**30, shift 33 in double.
    """
    if r.rounding in allowed:
        return r
    rounding = allowed[0]
    try:
        pairs = [_form(m, s, rounding) for m, s in zip(r.multiplier, r.shift, strict=True)]
    except ValueError as error:
        raise UnsupportedOp(node, target, f"no {rounding} form of its rescale: {error}") from error
    multiplier, shift = zip(*pairs, strict=True)
    return replace(r, multiplier=multiplier, shift=shift, rounding=rounding)


def _form(multiplier: int, shift: int, rounding: Rounding) -> tuple[int, int]:
    if rounding in (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR):
        return multiplier, shift
    ratio = float(Fraction(multiplier, 1 << shift))
    return float32_multiplier(ratio) if rounding is Rounding.FLOAT32 else quantize_multiplier(ratio)
