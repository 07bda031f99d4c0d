"""Each op of a lowered graph as calls of kernels."""

from __future__ import annotations

from math import prod
from typing import assert_never

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
    Lookup,
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
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.softmax import beta_multiplier
from hwkit.ir.sums import bias_of, farthest, rows_of
from hwkit.ir.traits import Weighted
from hwkit.targets.mcu.bounds import largest_sum, operand_bounds
from hwkit.targets.mcu.broadcast import (
    broadcast_add,
    broadcast_mul,
    constant,
    gather,
    prelu,
    resize_nearest,
)
from hwkit.targets.mcu.call import Call, Fields, stored
from hwkit.targets.mcu.rescales import rescale
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import pack_rows, pack_taps, storage_bits, wrapped_bias

__all__ = ["Call", "calls"]

_S32_BOUND = 1 << 31


def calls(graph: Graph, op: Op) -> tuple[Call, ...]:
    """The calls that compute ``op``, in order; none for a reshape, which moves nothing.

    All of them write ``op.output``. ``graph`` is lowered: signed activations, roundings that
    the kernels have.
    """
    match op:
        case Conv2d():
            return (_conv2d(graph, op),)
        case DepthwiseConv2d():
            return (_depthwise(graph, op),)
        case Dense():
            return (_dense(graph, op),)
        case Add():
            one_shape = len({graph.tensors[name].shape for name in op.inputs}) == 1
            return (_add(graph, op) if one_shape else broadcast_add(graph, op),)
        case SumPool2d():
            return (_sum_pool(graph, op),)
        case AvgPool2d():
            return (_pool("avg_pool_s8", graph, op, op.low, op.high),)
        case MaxPool2d():
            dtype = graph.tensors[op.output].dtype
            return (_pool("max_pool_s8", graph, op, dtype.low, dtype.high),)
        case Pad():
            return (_pad(graph, op),)
        case Concat():
            return _concat(graph, op)
        case Requantize():
            return (_requantize(graph, op),)
        case Clamp():
            elements = graph.tensors[op.output].elements
            limits: Fields = {"elements": elements, "low": op.low, "high": op.high}
            return (Call("clamp_s8", Struct(limits), (op.input,)),)
        case Lookup():
            return (_lookup(graph, op),)
        case Softmax():
            return (_softmax(graph, op),)
        case Reshape():
            return ()
        case Sub():
            return (broadcast_add(graph, op),)
        case Mul():
            return (broadcast_mul(graph, op),)
        case Prelu():
            return (prelu(graph, op),)
        case Slice() | Transpose():
            return (gather(graph, op),)
        case ResizeNearest():
            return (resize_nearest(graph, op),)
        case Constant():
            return (constant(graph, op),)
        case ArgMax():
            raise AssertionError(f"{op.name}: capabilities.check lets no ArgMax through")
        case _:
            assert_never(op)


def _window(
    graph: Graph,
    op: Conv2d | DepthwiseConv2d | SumPool2d | AvgPool2d | MaxPool2d,
    kernel: tuple[int, ...],
    dilation: tuple[int, int] = (1, 1),
) -> Struct:
    height, width, channels = graph.tensors[op.input].shape
    output = graph.tensors[op.output].shape
    return Struct(
        {
            "input_height": height,
            "input_width": width,
            "channels": channels,
            "output_height": output[0],
            "output_width": output[1],
            "kernel_height": kernel[0],
            "kernel_width": kernel[1],
            "stride_height": op.stride[0],
            "stride_width": op.stride[1],
            "dilation_height": dilation[0],
            "dilation_width": dilation[1],
            "padding_top": op.padding.top,
            "padding_left": op.padding.left,
        }
    )


def _pool_window(graph: Graph, op: SumPool2d | AvgPool2d | MaxPool2d) -> Struct:
    return _window(graph, op, op.kernel)


def _pool(kernel: str, graph: Graph, op: AvgPool2d | MaxPool2d, low: int, high: int) -> Call:
    fields: Fields = {"window": _pool_window(graph, op), "low": low, "high": high}
    return Call(kernel, Struct(fields), (op.input,))


def _weighted(graph: Graph, op: Weighted) -> tuple[int, Fields]:
    """Storage bits of the weights; the fields weights, bias and rescale."""
    weight = graph.constants[op.weight]
    rows, bias = rows_of(op, weight), bias_of(op, graph.constants)
    bits = storage_bits(graph.tensors[op.weight].dtype)
    packed = pack_taps(weight) if isinstance(op, DepthwiseConv2d) else pack_rows(rows, bits)
    fields: Fields = {
        "weights": Table("weights", packed),
        "bias": Table("bias", wrapped_bias(rows, bias, op.input_zero_point)),
        "rescale": rescale(op.rescale, largest_sum(graph, op)),
    }
    return bits, fields


def _conv2d(graph: Graph, op: Conv2d) -> Call:
    kernel = graph.tensors[op.weight].shape[1:3]
    bits, weighted = _weighted(graph, op)
    fields: Fields = {
        "window": _window(graph, op, kernel, op.dilation),
        "output_channels": graph.tensors[op.output].shape[2],
        "input_zero_point": op.input_zero_point,
        **weighted,
    }
    return Call("conv2d_s8_s4" if bits == 4 else "conv2d_s8", Struct(fields), (op.input,))


def _depthwise(graph: Graph, op: DepthwiseConv2d) -> Call:
    _, height, width, outputs = graph.tensors[op.weight].shape
    _, weighted = _weighted(graph, op)
    fields: Fields = {
        "window": _window(graph, op, (height, width), op.dilation),
        "channel_multiplier": outputs // graph.tensors[op.input].shape[2],
        "input_zero_point": op.input_zero_point,
        **weighted,
    }
    return Call("depthwise_conv2d_s8", Struct(fields), (op.input,))


def _dense(graph: Graph, op: Dense) -> Call:
    outputs, inputs = graph.tensors[op.weight].shape
    bits, weighted = _weighted(graph, op)
    fields: Fields = {
        "rows": graph.tensors[op.input].elements // inputs,
        "input_features": inputs,
        "output_features": outputs,
        **weighted,
    }
    return Call("dense_s8_s4" if bits == 4 else "dense_s8", Struct(fields), (op.input,))


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
        "rescale": rescale(op.rescale, largest_sum(graph, op)),
    }
    wide = graph.tensors[op.inputs[0]].dtype.bits > 8
    return Call("add_s32" if wide else "add_s8", Struct(fields), op.inputs)


def _sum_pool(graph: Graph, op: SumPool2d) -> Call:
    fields: Fields = {
        "window": _pool_window(graph, op),
        "input_zero_point": op.input_zero_point,
        "rescale": rescale(op.rescale, largest_sum(graph, op)),
    }
    wide = graph.tensors[op.input].dtype.bits > 8
    return Call("sum_pool_s32" if wide else "sum_pool_s8", Struct(fields), (op.input,))


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
    return Call("pad_s8", Struct(fields), (op.input,))


def _concat(graph: Graph, op: Concat) -> tuple[Call, ...]:
    output = graph.tensors[op.output].shape
    inner = prod(output[op.axis + 1 :])
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
    wide = source.dtype.bits > 8
    most = _S32_BOUND if wide else farthest(source.dtype, op.input_zero_point)
    fields: Fields = {
        "elements": output.elements,
        "channels": output.shape[-1],
        "input_zero_point": op.input_zero_point,
        "rescale": rescale(op.rescale, most),
    }
    action = "rescale" if output.dtype.bits > 8 else "requantize"
    return Call(f"{action}_s32" if wide else f"{action}_s8", Struct(fields), (op.input,))


def _lookup(graph: Graph, op: Lookup) -> Call:
    source = graph.tensors[op.input]
    fields: Fields = {
        "elements": source.elements,
        "input_low": source.dtype.low,
        "table": stored(op, "table", graph.constants[op.table]),
    }
    return Call("lookup_s8", Struct(fields), (op.input,))


def _softmax(graph: Graph, op: Softmax) -> Call:
    tensor = graph.tensors[op.input]
    multiplier, left_shift, difference_min = beta_multiplier(op.input_scale)
    fields: Fields = {
        "rows": tensor.elements // tensor.shape[-1],
        "depth": tensor.shape[-1],
        "multiplier": multiplier,
        "left_shift": left_shift,
        "difference_min": difference_min,
    }
    return Call("softmax_s8", Struct(fields), (op.input,))
