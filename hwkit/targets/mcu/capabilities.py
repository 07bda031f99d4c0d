"""What the kernels compute exactly, and what a graph must look like to be made of them."""

from __future__ import annotations

from typing import get_args

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    Op,
    Requantize,
    Reshape,
    Rounding,
    Softmax,
    SoftmaxKind,
    activations,
)
from hwkit.target import Capabilities
from hwkit.targets.mcu.weights import storage_bits

_OPS: frozenset[type[Op]] = frozenset(get_args(Op))
_ROUNDINGS = (Rounding.HALF_EVEN, Rounding.DOUBLE, Rounding.HALF_UP, Rounding.FLOOR)

CAPABILITIES = Capabilities(
    name="mcu",
    ops=_OPS,
    roundings={op: _ROUNDINGS for op in _OPS},
    weight_bits=(4, 8),
    activation_bits=(8,),
    signed_activations=True,
)
"""Half-even first: the nearest to float32 rounding, the one that has no kernel."""

_LONGEST_ROW = 1 << 17
"""Sums of 4-bit weights are taken times 16 and must fit 32 bits: 2**17 * 8 * 128 * 16 = 2**31."""


def check(graph: Graph) -> None:
    """Raises ``UnsupportedOp`` at the first node that no kernel computes."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UnsupportedOp(
            graph.name, "mcu", "a firmware has one input and one output; split the graph"
        )
    for op in graph.nodes:
        _check_node(graph, op)
    bits = graph.tensors[graph.inputs[0]].dtype.bits
    if bits > 8:
        raise UnsupportedOp(graph.inputs[0], "mcu", f"input of {bits} bits; quantize it to 8")


def _check_node(graph: Graph, op: Op) -> None:
    if not isinstance(op, Requantize | Reshape):
        for name in activations(op):
            bits = graph.tensors[name].dtype.bits
            if bits > 8:
                raise UnsupportedOp(
                    op.name, "mcu", f"input {name} has {bits} bits; requantize it to 8 before"
                )
    if isinstance(op, Lookup) and graph.tensors[op.output].dtype.bits > 8:
        raise UnsupportedOp(op.name, "mcu", "tables have entries of at most 8 bits")
    if isinstance(op, Softmax) and op.kind is not SoftmaxKind.FIXED:
        raise UnsupportedOp(
            op.name, "mcu", "float softmax; end the graph before it, or use softmax kind 'fixed'"
        )
    if isinstance(op, Requantize) and graph.tensors[op.input].dtype.bits > 8:
        if op.input_zero_point:
            raise UnsupportedOp(op.name, "mcu", "a zero point on a wide input; fold it into a bias")
    if isinstance(op, Conv2d | DepthwiseConv2d | Dense):
        _check_weights(graph, op)


def _check_weights(graph: Graph, op: Conv2d | DepthwiseConv2d | Dense) -> None:
    weight = graph.tensors[op.weight]
    if storage_bits(weight.dtype) > 8:
        raise UnsupportedOp(
            op.name, "mcu", f"weights of type {weight.dtype}; use signed ones of at most 8 bits"
        )
    row = weight.elements // graph.tensors[op.output].shape[-1]
    if row >= _LONGEST_ROW:
        raise UnsupportedOp(
            op.name, "mcu", f"{row} weights per output; split sums of {_LONGEST_ROW} and more"
        )
