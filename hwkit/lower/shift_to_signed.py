"""Turns unsigned activations into signed ones by moving the zero point: u8 0..255 to s8 -128..127.

Every integer v of an unsigned tensor of b bits is stored as ``v - 2**(b-1)``. Sums use
``x - zero_point``, so both forms give the same sums. Inputs, outputs and states of the graph
(with their initial values) change their type as well; ``offset`` tells by how much, and whoever
feeds the graph subtracts it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Slice,
    Softmax,
    Sub,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.ops import constants as constants_of
from hwkit.ir.types import Array, IntType, TensorType
from hwkit.lower.fresh import fresh


def offset(tensor: TensorType) -> int:
    """What is subtracted from a tensor's integers: 128 for u8, 8 for u4, 0 for signed."""
    return 0 if tensor.dtype.signed else 1 << (tensor.dtype.bits - 1)


def to_signed(x: Array, tensor: TensorType) -> Array:
    """Integers of the original type as the shifted graph takes them; u8 200 becomes s8 72."""
    shifted = x.astype(np.int64) - offset(tensor)
    return shifted.astype(IntType(tensor.dtype.bits, True).container)


def from_signed(x: Array, tensor: TensorType) -> Array:
    """Integers of the shifted graph as the original type: s8 72 becomes u8 200."""
    return (x.astype(np.int64) + offset(tensor)).astype(tensor.dtype.container)


def shift_to_signed(graph: Graph) -> Graph:
    """The graph with signed activations only. Exact up to the stated offsets."""
    tensors = dict(graph.tensors)
    constants = dict(graph.constants)
    for name in (*graph.sources, *(op.output for op in graph.nodes)):
        tensors[name] = _signed(graph.tensors[name])

    def shifted_constant(name: str) -> str:
        moved, tensor = _own_name(graph, name), graph.tensors[name]
        constants[moved], tensors[moved] = to_signed(graph.constants[name], tensor), _signed(tensor)
        return moved

    states = tuple(
        replace(state, initial=shifted_constant(state.initial))
        if not graph.tensors[state.tensor].dtype.signed
        else state
        for state in graph.states
    )
    nodes = []
    for op in graph.nodes:
        shifted = _shifted(graph, op)
        if isinstance(shifted, Lookup | Constant) and not graph.tensors[op.output].dtype.signed:
            moved = shifted_constant(*constants_of(op))
            shifted = (
                replace(shifted, table=moved)
                if isinstance(shifted, Lookup)
                else replace(shifted, value=moved)
            )
        nodes.append(shifted)
    return replace(graph, states=states).with_nodes(tuple(nodes), tensors, constants)


def _own_name(graph: Graph, constant: str) -> str:
    """The name of a shifted constant: its own, unless others read it as weights or slopes."""
    readers = [op for op in graph.nodes if constant in constants_of(op)]
    if all(isinstance(op, Lookup | Constant) for op in readers):
        return constant
    return fresh(f"{constant}.signed", graph.tensors)


def _signed(tensor: TensorType) -> TensorType:
    moved = offset(tensor)
    facts = tensor.quantization
    if moved and facts is not None:
        facts = replace(facts, zero_point=facts.zero_point - moved)
    return replace(tensor, dtype=IntType(tensor.dtype.bits, True), quantization=facts)


def _shifted(graph: Graph, op: Op) -> Op:
    source = offset(graph.tensors[next(iter(activations(op)), op.output)])
    target = offset(graph.tensors[op.output])
    match op:
        case Conv2d() | DepthwiseConv2d() | Dense() | SumPool2d():
            return replace(
                op,
                input_zero_point=op.input_zero_point - source,
                rescale=_moved(op.rescale, target),
            )
        case Add() | Sub() | Mul() | MatMul():
            first, second = (offset(graph.tensors[name]) for name in op.inputs)
            zero_points = (op.input_zero_points[0] - first, op.input_zero_points[1] - second)
            return replace(op, input_zero_points=zero_points, rescale=_moved(op.rescale, target))
        case Requantize():
            zero_point = op.input_zero_point - source
            return replace(op, input_zero_point=zero_point, rescale=_shifted_by(op.rescale, target))
        case Prelu():
            return replace(
                op,
                input_zero_point=op.input_zero_point - source,
                positive=_shifted_by(op.positive, target),
                negative=_shifted_by(op.negative, target),
            )
        case Clamp():
            return replace(op, low=op.low - target, high=op.high - target)
        case AvgPool2d():
            if target:
                raise UnsupportedOp(
                    op.name,
                    "signed targets",
                    "average pooling of unsigned integers rounds "
                    "differently when shifted; use a sum pool with a rescale",
                )
            return op
        case Pad():
            return replace(op, value=op.value - target)
        case Softmax() | LayerNorm():
            return replace(op, rescale=_moved(op.rescale, target))
        case MaxPool2d() | Concat() | Reshape() | Lookup() | ArgMax():
            return op
        case Slice() | Transpose() | ResizeNearest() | Constant():
            return op


def _moved(r: Rescale | None, by: int) -> Rescale | None:
    return None if r is None else _shifted_by(r, by)


def _shifted_by(r: Rescale, by: int) -> Rescale:
    return replace(r, zero_point=r.zero_point - by, low=r.low - by, high=r.high - by)
