"""What the kernels compute exactly, and what a graph must look like to be made of them."""

from __future__ import annotations

from math import prod
from typing import get_args

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    LayerNormKind,
    Lookup,
    MatMul,
    Op,
    Prelu,
    Requantize,
    Reshape,
    ResizeBilinear,
    Rounding,
    Softmax,
    SoftmaxKind,
    SumPool2d,
    activations,
)
from hwkit.ir.storage import WHOLE_BYTES
from hwkit.ir.traits import Accumulating, Weighted
from hwkit.ir.types import S32
from hwkit.target import Capabilities
from hwkit.targets.mcu.bounds import largest_sum
from hwkit.targets.mcu.weights import storage_bits

_OPS: frozenset[type[Op]] = frozenset(get_args(Op))
_ROUNDINGS = (Rounding.HALF_EVEN, Rounding.DOUBLE, Rounding.HALF_UP, Rounding.FLOOR)

CAPABILITIES = Capabilities(
    name="mcu",
    ops=_OPS,
    roundings={op: _ROUNDINGS for op in _OPS},
    weight_bits=(1, 2, 4, 8),
    activation_bits=(1, 2, 4, 8, 16, 32),
    signed_activations=True,
    softmax=(SoftmaxKind.FIXED, SoftmaxKind.TABLE),
    most_inputs=None,
    most_outputs=None,
    states=True,
)
"""Half-even first: the nearest to float32 rounding, the one that has no kernel."""

STORED = WHOLE_BYTES
"""How activations cross the link: the integers that kernels read. See ``stored`` for the arena."""

_LONGEST_ROW = 1 << 17
"""Sums of 4-bit weights are taken times 16 and must fit 32 bits: 2**17 * 8 * 128 * 16 = 2**31."""

_LONGEST_SOFTMAX = 4095
"""Exponentials are at most 2**19 in Q12.19, and their sum must stay below 2**31."""
_LONGEST_SOFTMAX_16 = 65535
"""The same of exponentials of at most 2**15."""
_LARGEST_STEP_16 = 5.0
"""From here on a difference in steps of the exponentials' table leaves 32 bits."""
_LARGEST_MEAN = 1 << 16
"""Sums of 16-bit integers must stay below 2**31."""


def check(graph: Graph, board: str) -> None:
    """Raises ``UnsupportedOp`` at the first node that no kernel of ``board`` computes."""
    if not graph.nodes:
        raise UnsupportedOp(graph.name, board, "a firmware has at least one layer; add an op")
    for op in graph.nodes:
        _check_node(graph, op, board)
    for name in graph.inputs:
        bits = graph.tensors[name].dtype.bits
        if bits > 16:
            raise UnsupportedOp(name, board, f"input of {bits} bits; quantize it to 16")


def _check_node(graph: Graph, op: Op, board: str) -> None:
    if remedy := _missing(graph, op):
        raise UnsupportedOp(op.name, board, remedy)


def _missing(graph: Graph, op: Op) -> str:
    """What stands in the way of ``op``, with its remedy; "" if nothing does."""
    whole = [name for name in activations(op) if graph.tensors[name].dtype.bits > 16]
    bits = graph.tensors[op.output].dtype.bits
    if isinstance(op, Accumulating) and (remedy := _missing_for_sums(graph, op)):
        return remedy
    match op:
        case _ if 16 < bits < 32:
            return f"output of {bits} bits; give 16, or whole sums"
        case Requantize() if whole and op.input_zero_point:
            return "a zero point on an input of more than 16 bits; fold it into a bias"
        case Requantize() | Reshape() | ArgMax():
            return ""
        case Add() | SumPool2d() if whole and not _is_broadcast(graph, op):
            return ""
        case _ if whole:
            width = graph.tensors[whole[0]].dtype.bits
            return f"input {whole[0]} has {width} bits; requantize it to 16 before"
        case Lookup() | Constant() if bits > 16:
            return "it gives at most 16 bits; requantize to them"
        case Prelu() if bits > 8:
            return "it gives at most 8 bits; requantize to them"
        case AvgPool2d() if prod(op.kernel) >= _LARGEST_MEAN:
            return f"a mean of {prod(op.kernel)} integers; pool twice"
        case Softmax():
            return _missing_for_softmax(graph, op)
        case LayerNorm() if op.kind is not LayerNormKind.INTEGER:
            return "float layer norm; use kind 'integer'"
        case Conv2d() | DepthwiseConv2d() | Dense():
            return _missing_for_weights(graph, op)
    return ""


def _missing_for_sums(graph: Graph, op: Accumulating) -> str:
    largest, to = largest_sum(graph, op), STORED.of(graph.tensors[op.output].dtype).bits
    widths = {STORED.of(graph.tensors[name].dtype).bits for name in activations(op)}
    products = isinstance(op, Weighted | MatMul | ResizeBilinear)
    long = products and widths == {16} and op.rescale is not None
    if op.accumulator_bits > 32 and largest > S32.high and not long:
        return f"sums of up to {largest} do not fit 32 bits; use fewer inputs or fewer bits"
    if len(widths) > 1 or (widths == {8} and to == 16):
        return "integers of 8 and of more bits in one sum; requantize them apart"
    return ""


def _missing_for_softmax(graph: Graph, op: Softmax) -> str:
    tensor = graph.tensors[op.input]
    longest = _LONGEST_SOFTMAX if tensor.dtype.bits <= 8 else _LONGEST_SOFTMAX_16
    if op.kind is SoftmaxKind.FLOAT:
        return "float softmax; end the graph before it, or use softmax kind 'table' or 'fixed'"
    if op.kind is SoftmaxKind.TABLE:
        return ""
    if tensor.shape[-1] > longest:
        return f"softmax over more than {longest} integers; split it"
    if tensor.dtype.bits > 8 and op.input_scale >= _LARGEST_STEP_16:
        return f"16-bit softmax of steps of {op.input_scale:.3g}; they must be below 5"
    return ""


def _is_broadcast(graph: Graph, op: Op) -> bool:
    return len({graph.tensors[name].shape for name in activations(op)}) > 1


def _missing_for_weights(graph: Graph, op: Weighted) -> str:
    weight = graph.tensors[op.weight]
    if storage_bits(weight.dtype) > 8:
        return f"weights of type {weight.dtype}; use signed ones of at most 8 bits"
    row = weight.elements // graph.tensors[op.output].shape[-1]
    if row >= _LONGEST_ROW:
        return f"{row} weights per output; split sums of {_LONGEST_ROW} and more"
    return ""
