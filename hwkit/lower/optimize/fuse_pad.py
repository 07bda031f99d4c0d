"""Explicit borders become the padding of the window that reads them.

PyTorch pads by a node of its own where TensorFlow's SAME padding won't do. A padded map is stored
beside the map itself, and with it the first layers hold nearly twice the memory.
"""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Conv2d,
    DepthwiseConv2d,
    MaxPool2d,
    Op,
    Pad,
    Padding,
    SumPool2d,
    activations,
)
from hwkit.ir.shapes import extent

Windowed = Conv2d | DepthwiseConv2d | SumPool2d | MaxPool2d


def fuse_pad(graph: Graph) -> Graph:
    """``pad -> window`` becomes one window that pads, and two pads of one value one; exact.

    For each reader of the pad by itself, so that a pad goes when its last reader has let go of it.
    The value must be what the window pads with: its zero point, or for a maximum the lowest integer
    of the type. A window is never left wholly outside the map.

    Example: a Pad of 1 on all sides with -128, then a 3x3 convolution with zero point -128.
    """
    pads = {op.output: op for op in graph.nodes if isinstance(op, Pad)}
    nodes = [_without_pad(graph, op, pads) for op in graph.nodes]
    read = {name for op in nodes for name in activations(op)} | set(graph.results)
    return graph.with_nodes(
        tuple(op for op in nodes if not (isinstance(op, Pad) and op.output not in read))
    )


def _without_pad(graph: Graph, op: Op, pads: dict[str, Pad]) -> Op:
    while isinstance(op, Windowed | Pad) and (pad := pads.get(op.input)) is not None:
        padding = _sum(op.padding, pad.padding)
        if pad.value != _border(graph, op) or not _inside(graph, op, padding):
            break
        op = replace(op, input=pad.input, padding=padding)
    return op


def _border(graph: Graph, op: Windowed | Pad) -> int:
    """What ``op`` takes to lie around its map."""
    if isinstance(op, Pad):
        return op.value
    return graph.tensors[op.input].dtype.low if isinstance(op, MaxPool2d) else op.input_zero_point


def _inside(graph: Graph, op: Windowed | Pad, padding: Padding) -> bool:
    """Whether every window of ``op`` still sees some of the map."""
    match op:
        case Pad():
            return True
        case Conv2d() | DepthwiseConv2d():
            kernel = graph.tensors[op.weight].shape[1:3]
            rows, columns = (extent(k, d) for k, d in zip(kernel, op.dilation, strict=True))
        case _:
            rows, columns = op.kernel
    tall, wide = max(padding.top, padding.bottom), max(padding.left, padding.right)
    return tall < rows and wide < columns


def _sum(a: Padding, b: Padding) -> Padding:
    return Padding(a.top + b.top, a.bottom + b.bottom, a.left + b.left, a.right + b.right)
