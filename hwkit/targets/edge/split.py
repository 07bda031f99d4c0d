"""Brings borders and ranges into the forms that a .tflite operator has.

An operator knows two borders, SAME and VALID, and of the ranges that a rescale can have two:
the whole of its output's type, and everything from the zero point up (RELU). What is left becomes
a Pad before or a Clamp behind.
"""

from __future__ import annotations

from dataclasses import replace

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Padding,
    Prelu,
    Requantize,
    Rescale,
    Sub,
    SumPool2d,
)
from hwkit.ir.shapes import extent
from hwkit.ir.tflite import same_padding
from hwkit.ir.types import S16, IntType, Shape, TensorType

Windowed = Conv2d | DepthwiseConv2d | MaxPool2d | AvgPool2d
Rescaling = Conv2d | DepthwiseConv2d | Dense | Add | Sub | Mul | MatMul | Requantize | SumPool2d


def file_padding(op: Windowed, source: Shape, kernel: tuple[int, int]) -> str | None:
    """``VALID`` or ``SAME`` where the op's padding is one of them, else None."""
    if op.padding == NO_PADDING:
        return "VALID"
    dilation = op.dilation if isinstance(op, Conv2d | DepthwiseConv2d) else (1, 1)
    spans = [extent(k, d) for k, d in zip(kernel, dilation, strict=True)]
    top, bottom = same_padding(source[0], spans[0], op.stride[0])
    left, right = same_padding(source[1], spans[1], op.stride[1])
    return "SAME" if op.padding == Padding(top, bottom, left, right) else None


def kernel_of(op: Windowed, tensors: dict[str, TensorType]) -> tuple[int, int]:
    """Rows and columns of the window."""
    if isinstance(op, Conv2d | DepthwiseConv2d):
        shape = tensors[op.weight].shape
        return shape[1], shape[2]
    return op.kernel


def split_borders(graph: Graph, target: str) -> Graph:
    """A ``Pad`` before each window whose border is neither SAME nor VALID. Exact.

    Max pooling pads with the lowest integer, which never wins against an integer of the map. Raises
    ``UnsupportedOp`` for average pooling, which counts only what lies inside the map.
    """
    tensors = dict(graph.tensors)
    nodes: list[Op] = []
    for op in graph.nodes:
        if isinstance(op, Windowed) and _needs_pad(op, tensors):
            if isinstance(op, AvgPool2d):
                remedy = f"average pooling with {op.padding}; use no padding or TensorFlow's SAME"
                raise UnsupportedOp(op.name, target, remedy)
            value = (
                tensors[op.input].dtype.low if isinstance(op, MaxPool2d) else op.input_zero_point
            )
            padded = f"{op.name}/padded"
            height, width, channels = tensors[op.input].shape
            p = op.padding
            shape = (height + p.top + p.bottom, width + p.left + p.right, channels)
            tensors[padded] = replace(tensors[op.input], shape=shape)
            nodes.append(Pad(f"{op.name}/pad", op.input, padded, p, value))
            op = replace(op, input=padded, padding=NO_PADDING)
        nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors)


def _needs_pad(op: Windowed, tensors: dict[str, TensorType]) -> bool:
    if isinstance(op, Conv2d | DepthwiseConv2d) and op.rescale is None:
        # Computed in float, where the border would be 0 and not the zero point.
        return op.padding != NO_PADDING
    return file_padding(op, tensors[op.input].shape, kernel_of(op, tensors)) is None


def _forms(r: Rescale, dtype: IntType) -> tuple[tuple[int, int], ...]:
    """The ranges that an operator with a fused activation has."""
    return (dtype.low, dtype.high), (r.zero_point, dtype.high)


def split_ranges(graph: Graph) -> Graph:
    """A ``Clamp`` behind each op whose range is neither its type's nor RELU's. Exact. An op that
    rescales to 32 bits is left as it is, to be refused by name."""
    tensors = dict(graph.tensors)
    nodes: list[Op] = []
    whole: Op
    for op in graph.nodes:
        dtype = tensors[op.output].dtype
        all_of = dtype.low, dtype.high
        if dtype.bits > S16.bits:
            needs, whole = False, op
        elif isinstance(op, Prelu):
            r = op.positive
            needs = (r.low, r.high) != all_of
            free = [replace(r, low=dtype.low, high=dtype.high) for r in (op.positive, op.negative)]
            whole = replace(op, positive=free[0], negative=free[1])
            low, high = r.low, r.high
        elif isinstance(op, Rescaling) and op.rescale is not None:
            r = op.rescale
            plain = (all_of,) if isinstance(op, SumPool2d | MatMul) else _forms(r, dtype)
            needs = (r.low, r.high) not in plain
            whole = replace(op, rescale=replace(r, low=dtype.low, high=dtype.high))
            low, high = r.low, r.high
        elif isinstance(op, AvgPool2d):
            low, high = op.low, op.high
            needs = (low, high) != all_of
            whole = replace(op, low=dtype.low, high=dtype.high)
        else:
            needs, whole = False, op
        if not needs:
            nodes.append(op)
            continue
        raw = f"{op.name}/unclamped"
        tensors[raw] = tensors[op.output]
        nodes.append(replace(whole, output=raw))
        nodes.append(Clamp(f"{op.name}/clamp", raw, op.output, low, high))
    return graph.with_nodes(tuple(nodes), tensors)
