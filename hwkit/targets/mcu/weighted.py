"""Convolutions and matrix products as calls of kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    AvgPool2d,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Rescale,
    SumPool2d,
)
from hwkit.ir.sums import bias_of, farthest, folded_bias, largest_sums, rows_of
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S32, Array
from hwkit.targets.mcu.bounds import largest_sum
from hwkit.targets.mcu.call import Call, Fields, named, output_bytes
from hwkit.targets.mcu.rescales import rescale
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import pack_rows, pack_taps, storage_bits, wrapped_bias


def window(
    graph: Graph,
    op: Conv2d | DepthwiseConv2d | SumPool2d | AvgPool2d | MaxPool2d,
    kernel: tuple[int, ...],
    dilation: tuple[int, int] = (1, 1),
) -> Struct:
    """``hwk_window_t`` of a window of size ``kernel`` over the input of ``op``."""
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


def conv2d(graph: Graph, op: Conv2d) -> Call:
    """A convolution."""
    kernel = graph.tensors[op.weight].shape[1:3]
    weighted = _weighted("conv2d", graph, op)
    fields: Fields = {
        "window": window(graph, op, kernel, op.dilation),
        "output_channels": graph.tensors[op.output].shape[2],
        "input_zero_point": op.input_zero_point,
        **weighted.fields,
    }
    return weighted.call(fields, op.input)


def depthwise(graph: Graph, op: DepthwiseConv2d) -> Call:
    """A depthwise convolution."""
    _, height, width, outputs = graph.tensors[op.weight].shape
    weighted = _weighted("depthwise_conv2d", graph, op)
    fields: Fields = {
        "window": window(graph, op, (height, width), op.dilation),
        "channel_multiplier": outputs // graph.tensors[op.input].shape[2],
        "input_zero_point": op.input_zero_point,
        **weighted.fields,
    }
    return weighted.call(fields, op.input)


def dense(graph: Graph, op: Dense) -> Call:
    """A matrix product."""
    outputs, inputs = graph.tensors[op.weight].shape
    weighted = _weighted("dense", graph, op)
    fields: Fields = {
        "rows": graph.tensors[op.input].elements // inputs,
        "input_features": inputs,
        "output_features": outputs,
        **weighted.fields,
    }
    return weighted.call(fields, op.input)


@dataclass(frozen=True, slots=True, eq=False)
class _Weighted:
    """The kernel, the fields weights, bias and rescale of its descriptor, and the bits that hold
    all integers of the weights' and of the input's type."""

    kernel: str
    fields: Fields
    weight_bits: int
    input_bits: int

    def call(self, fields: Fields, name: str) -> Call:
        """With these fields, of input ``name``."""
        return Call(
            self.kernel,
            Struct(fields),
            (name,),
            weight_bits=self.weight_bits,
            input_bits=self.input_bits,
        )


def _weighted(kernel: str, graph: Graph, op: Weighted) -> _Weighted:
    weight = graph.constants[op.weight]
    rows, bias = rows_of(op, weight), bias_of(op, graph.constants)
    name, narrow = named(kernel, graph, op), storage_bits(graph.tensors[op.weight].dtype)
    if narrow == 4 and isinstance(op, Conv2d | Dense) and not name.endswith("_s16"):
        name = f"{name}_s4"
    packed = pack_taps(weight) if isinstance(op, DepthwiseConv2d) else pack_rows(rows)
    most, width = largest_sum(graph, op), output_bytes(graph, op)
    biases: Table | None = Table("bias", wrapped_bias(rows, bias, op.input_zero_point))
    r = op.rescale
    if op.accumulator_bits > S32.bits and most > S32.high and r is not None:
        # The sum of the products alone, and the bias in the offsets of the rescale.
        most = int(largest_sums(rows, farthest(graph.tensors[op.input].dtype, 0)).max())
        r = _with_bias(r, folded_bias(rows, bias, op.input_zero_point))
        long = most > S32.high
        biases = None if long else Table("bias", np.zeros(len(rows), np.int32))
        name += "_long" * long
    fields: Fields = {
        "weights": Table("weights", packed),
        "bias": biases,
        "rescale": rescale(r, most, "", width),
    }
    return _Weighted(name, fields, narrow, graph.tensors[op.input].dtype.bits)


def _with_bias(r: Rescale, bias: Array) -> Rescale:
    """``r`` of a sum to which ``bias``, int64 (channels,), is still to be added."""
    numbers: Sequence[Array] = np.broadcast_arrays(np.array(r.multiplier), r.offset, bias)
    offsets = tuple(int(o) + int(m) * int(b) for m, o, b in zip(*numbers, strict=True))
    return replace(r, offset=offsets)
