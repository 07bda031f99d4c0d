"""What hls4ml's ``io_stream`` (one pixel at a time) cannot do, or would do wrongly."""

from __future__ import annotations

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Op,
    Reshape,
    SumPool2d,
    Transpose,
    activations,
)


def stream_obstacle(graph: Graph) -> tuple[str, str] | None:
    """The first op without a stream form and the remedy, or None when there is none."""
    for op in graph.nodes:
        if remedy := _remedy(graph, op):
            return op.name, f"{remedy}, or use io_parallel"
    return None


def _remedy(graph: Graph, op: Op) -> str | None:
    match op:
        case Conv2d() | DepthwiseConv2d() | SumPool2d() if _skips_rows(graph, op):
            return "use a kernel of two rows or more, or no stride over rows"
        case MaxPool2d() | AvgPool2d() if op.kernel != op.stride:
            return "use a stride as large as the window"
        case MaxPool2d() if op.padding != NO_PADDING and graph.tensors[op.input].dtype.signed:
            return "pad unsigned integers only"
        case Transpose():
            return "keep the axes in their order"
        case Concat() if len(graph.tensors[op.output].shape) < 3 or op.axis < 2:
            return "join maps along their channels"
        case Reshape() if not _flattens_for_dense(graph, op):
            return "reshape only to the flat input of a dense op"
    return None


def _skips_rows(graph: Graph, op: Conv2d | DepthwiseConv2d | SumPool2d) -> bool:
    """Whether a kernel of one row has a stride over rows, which hls4ml's streams ignore except
    in 1x1 convolutions."""
    if isinstance(op, SumPool2d):
        kernel = op.kernel
    else:
        shape = graph.tensors[op.weight].shape
        kernel = (shape[1], shape[2])
    pointwise = isinstance(op, Conv2d) and kernel == (1, 1)
    return kernel[0] == 1 and op.stride[0] > 1 and not pointwise


def _flattens_for_dense(graph: Graph, op: Reshape) -> bool:
    """Others than a dense op would read the stream as if it were packed anew."""
    readers = [node for node in graph.nodes if op.output in activations(node)]
    flat = len(graph.tensors[op.output].shape) == 1
    inside = op.output not in graph.outputs
    return flat and inside and all(isinstance(reader, Dense) for reader in readers)
