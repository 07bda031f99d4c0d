"""A layer with weights by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d
from hwkit.ir.types import Array, Shape, TensorType

WeightedOp: TypeAlias = Conv2d | DepthwiseConv2d | Dense


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """One layer: its op, the types of its input and output, its weights and bias."""

    op: WeightedOp
    source: TensorType
    result: TensorType
    weight: TensorType
    weights: Array
    bias: Array | None

    @property
    def is_depthwise(self) -> bool:
        """One filter for each output channel, which is the last axis of the weights."""
        return isinstance(self.op, DepthwiseConv2d)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference, those with padding included.

        Example: 3x3 of 16 to 32 channels on 8 x 8 outputs: 294,912.
        """
        filters = self.weight.shape[-1 if self.is_depthwise else 0]
        return self.result.elements * (self.weights.size // filters)


def single(graph: Graph, op: WeightedOp) -> Single:
    """``op`` of ``graph`` by itself."""
    bias = None if op.bias is None else graph.constants[op.bias]
    source, result, weight = (
        replace(graph.tensors[name], quantization=None) for name in (op.input, op.output, op.weight)
    )
    return Single(op, source, result, weight, graph.constants[op.weight], bias)


def shaped(tensor: TensorType, shape: Shape) -> TensorType:
    """The same type of tensor in another shape."""
    return replace(tensor, shape=shape)
