"""Each op of a lowered graph as calls of kernels."""

from __future__ import annotations

from math import prod
from typing import assert_never

import numpy as np

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
    Padding,
    Prelu,
    Requantize,
    Reshape,
    ResizeNearest,
    Slice,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.softmax import beta_multiplier
from hwkit.ir.softmax16 import difference_multiplier, exponentials, reciprocals
from hwkit.ir.sums import farthest
from hwkit.ir.types import TensorType
from hwkit.targets.mcu.bounds import largest_sum, operand_bounds
from hwkit.targets.mcu.broadcast import (
    broadcast_add,
    broadcast_mul,
    constant,
    gather,
    prelu,
    resize_nearest,
)
from hwkit.targets.mcu.call import Call, Fields, named, output_bytes, stored
from hwkit.targets.mcu.capabilities import STORED
from hwkit.targets.mcu.matmul import matmul
from hwkit.targets.mcu.real import layer_norm, softmax_table
from hwkit.targets.mcu.rescales import rescale
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weighted import conv2d, dense, depthwise, window

__all__ = ["Call", "calls"]

_S32_BOUND = 1 << 31


def calls(graph: Graph, op: Op) -> tuple[Call, ...]:
    """The calls that compute ``op``, in order; none for a reshape, which moves nothing.

    All of them write ``op.output``. ``graph`` is lowered: signed activations, roundings that
    the kernels have.
    """
    match op:
        case Conv2d():
            return (conv2d(graph, op),)
        case DepthwiseConv2d():
            return (depthwise(graph, op),)
        case Dense():
            return (dense(graph, op),)
        case Add():
            one_shape = len({graph.tensors[name].shape for name in op.inputs}) == 1
            return (_add(graph, op) if one_shape else broadcast_add(graph, op),)
        case SumPool2d():
            return (_sum_pool(graph, op),)
        case AvgPool2d():
            return (_pool("avg_pool", graph, op, op.low, op.high),)
        case MaxPool2d():
            dtype = graph.tensors[op.output].dtype
            return (_pool("max_pool", graph, op, dtype.low, dtype.high),)
        case Pad():
            return (_pad(graph, op),)
        case Concat():
            return _concat(graph, op)
        case Requantize():
            return (_requantize(graph, op),)
        case Clamp():
            elements = graph.tensors[op.output].elements
            limits: Fields = {"elements": elements, "low": op.low, "high": op.high}
            return (Call(named("clamp", graph, op), Struct(limits), (op.input,)),)
        case Lookup():
            return (_lookup(graph, op),)
        case LayerNorm():
            return (layer_norm(graph, op),)
        case Softmax() if op.kind is SoftmaxKind.TABLE:
            return (softmax_table(graph, op),)
        case Softmax():
            return (_softmax(graph, op),)
        case Reshape():
            return ()
        case Sub():
            return (broadcast_add(graph, op),)
        case Mul():
            return (broadcast_mul(graph, op),)
        case MatMul():
            return (matmul(graph, op),)
        case Prelu():
            return (prelu(graph, op),)
        case Slice() | Transpose():
            return (gather(graph, op),)
        case ResizeNearest():
            return (resize_nearest(graph, op),)
        case Constant():
            return (constant(graph, op),)
        case ArgMax():
            return (_argmax(graph, op),)
        case _:
            assert_never(op)


def _pool_window(graph: Graph, op: SumPool2d | AvgPool2d | MaxPool2d) -> Struct:
    return window(graph, op, op.kernel)


def _pool(kernel: str, graph: Graph, op: AvgPool2d | MaxPool2d, low: int, high: int) -> Call:
    fields: Fields = {"window": _pool_window(graph, op), "low": low, "high": high}
    return Call(named(kernel, graph, op), Struct(fields), (op.input,))


def _add(graph: Graph, op: Add) -> Call:
    centred = operand_bounds(graph, op)
    output = graph.tensors[op.output]
    fields: Fields = {
        "elements": output.elements,
        "channels": output.shape[-1],
        "zero_points": op.input_zero_points,
        "input_rescales": tuple(
            rescale(r, most, f"input{k}_")
            for k, (r, most) in enumerate(zip(op.input_rescales, centred, strict=True))
        ),
        "rescale": rescale(op.rescale, largest_sum(graph, op), "", output_bytes(graph, op)),
    }
    return Call(named("add", graph, op), Struct(fields), op.inputs)


def _sum_pool(graph: Graph, op: SumPool2d) -> Call:
    fields: Fields = {
        "window": _pool_window(graph, op),
        "input_zero_point": op.input_zero_point,
        "rescale": rescale(op.rescale, largest_sum(graph, op), "", output_bytes(graph, op)),
    }
    return Call(named("sum_pool", graph, op), Struct(fields), (op.input,))


def _pad(graph: Graph, op: Pad) -> Call:
    height, width, channels = graph.tensors[op.input].shape
    padding: Padding = op.padding
    fields: Fields = {
        "input_height": height,
        "input_width": width,
        "channels": channels,
        "padding_top": padding.top,
        "padding_bottom": padding.bottom,
        "padding_left": padding.left,
        "padding_right": padding.right,
        "value": op.value,
    }
    return Call(named("pad", graph, op), Struct(fields), (op.input,))


def _concat(graph: Graph, op: Concat) -> tuple[Call, ...]:
    """In bytes: one kernel joins integers of any width."""
    output = graph.tensors[op.output].shape
    inner = prod(output[op.axis + 1 :]) * output_bytes(graph, op)
    offset = 0
    parts = []
    for name in op.inputs:
        block = graph.tensors[name].shape[op.axis] * inner
        fields: Fields = {
            "blocks": prod(output[: op.axis]),
            "input_block": block,
            "output_block": output[op.axis] * inner,
            "offset": offset,
        }
        parts.append(Call("concat_s8", Struct(fields), (name,)))
        offset += block
    return tuple(parts)


def _requantize(graph: Graph, op: Requantize) -> Call:
    source, output = graph.tensors[op.input], graph.tensors[op.output]
    sums = source.dtype.bits > 16
    most = _S32_BOUND if sums else farthest(source.dtype, op.input_zero_point)
    bytes_each = output_bytes(graph, op)
    fields: Fields = {
        "elements": output.elements,
        "channels": output.shape[-1],
        "input_zero_point": op.input_zero_point,
        "rescale": rescale(op.rescale, most, "", bytes_each),
    }
    # Of 16 bits one kernel goes to any width.
    wider = bytes_each > 1 and STORED.of(source.dtype).bits != 16
    action = "rescale" if wider else "requantize"
    return Call(named(action, graph, op), Struct(fields), (op.input,))


def _lookup(graph: Graph, op: Lookup) -> Call:
    source, output = graph.tensors[op.input], graph.tensors[op.output]
    fields: Fields = {
        "elements": source.elements,
        "input_low": source.dtype.low,
        "table": stored(op, "table", graph.constants[op.table], output.dtype),
    }
    kernel, bits = named("lookup", graph, op), STORED.of(output.dtype).bits
    same = STORED.of(source.dtype).bits == bits
    return Call(kernel if same else f"{kernel}_s{bits}", Struct(fields), (op.input,))


def _argmax(graph: Graph, op: ArgMax) -> Call:
    tensor, rows = graph.tensors[op.input], graph.tensors[op.output].elements
    fields: Fields = {"rows": rows, "depth": tensor.shape[-1]}
    return Call(named("argmax", graph, op), Struct(fields), (op.input,))


def _softmax(graph: Graph, op: Softmax) -> Call:
    tensor = graph.tensors[op.input]
    if STORED.of(tensor.dtype).bits == 16:
        return _softmax16(tensor, op)
    multiplier, left_shift, difference_min = beta_multiplier(op.input_scale)
    fields: Fields = {
        "rows": tensor.elements // tensor.shape[-1],
        "depth": tensor.shape[-1],
        "multiplier": multiplier,
        "left_shift": left_shift,
        "difference_min": difference_min,
    }
    return Call("softmax_s8", Struct(fields), (op.input,))


def _softmax16(tensor: TensorType, op: Softmax) -> Call:
    multiplier, shift = difference_multiplier(op.input_scale)
    fields: Fields = {
        "rows": tensor.elements // tensor.shape[-1],
        "depth": tensor.shape[-1],
        "multiplier": multiplier,
        "shift": shift,
        "exponentials": Table("exponentials", exponentials().astype(np.int16)),
        "reciprocals": Table("reciprocals", reciprocals().astype(np.int16)),
    }
    return Call("softmax_s16", Struct(fields), (op.input,))
