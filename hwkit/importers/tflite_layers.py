"""Each .tflite operator as a node, with the reference kernels' arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from hwkit.errors import FormatError
from hwkit.importers.tflite_context import (
    LARGEST,
    Context,
    check_operands,
    constant,
    fused_range,
    map_shape,
    node_name,
    ordered,
    size_option,
    unsupported,
    window,
)
from hwkit.importers.tflite_file import INT8, INT32, INT64, FileOperator
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Softmax,
    SoftmaxKind,
)
from hwkit.ir.tflite import (
    NONE,
    RELU,
    RELU6,
    RELU_N1_TO_1,
    activation_range,
    double_add,
    double_rescale,
)
from hwkit.ir.types import S8, S32, Quantization


def _weights(
    context: Context, position: int, op: FileOperator, axis: int
) -> tuple[str, str | None]:
    """Adds weight and bias as constants; returns their names."""
    weight = context.file.tensors[op.inputs[1]]
    value = constant(context, op.inputs[1], (INT8,), f"{node_name(position, op)}: weight")
    channels = weight.shape[axis] if len(weight.shape) > axis else 0
    per_channel = len(weight.scale) > 1
    if len(weight.scale) not in (1, channels) or (per_channel and weight.axis != axis):
        raise FormatError(
            f"{node_name(position, op)}: {len(weight.scale)} weight scales; damaged, copy it again"
        )
    if any(weight.zero_point):
        raise unsupported(position, op, "weights must be symmetric (zero point 0)")
    facts = Quantization(weight.scale)
    name = context.builder.constant(f"{node_name(position, op)}/weight", value, S8, facts)
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return name, None
    bias = constant(context, op.inputs[2], (INT32,), f"{node_name(position, op)}: bias")
    return name, context.builder.constant(f"{node_name(position, op)}/bias", bias, S32)


def _weighted_rescale(context: Context, position: int, op: FileOperator) -> Rescale:
    source, output = (context.facts(index) for index in (op.inputs[0], op.outputs[0]))
    weight = context.file.tensors[op.inputs[1]]
    ratios = [source.scale[0] * scale / output.scale[0] for scale in weight.scale]
    low, high = fused_range(context, op, position)
    try:
        return double_rescale(ratios, output.zero_point, low, high)
    except ValueError as error:
        raise FormatError(f"{node_name(position, op)}: {error}; damaged, copy it again") from error


def _conv(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (2, 3))
    depthwise = op.code == "DEPTHWISE_CONV_2D"
    source = context.computed(op.inputs[0])
    weight, bias = _weights(context, position, op, 3 if depthwise else 0)
    shape = context.builder.shape(weight)
    if len(shape) != 4:
        raise FormatError(
            f"{node_name(position, op)}: weight has {len(shape)} axes; damaged, copy it again"
        )
    kernel = (shape[1], shape[2])
    dilation = (size_option(op, "dilation_h"), size_option(op, "dilation_w"))
    stride, padding = window(op, map_shape(context, source, op), kernel, dilation)
    kind = DepthwiseConv2d if depthwise else Conv2d
    context.add(
        op.outputs[0],
        kind(
            name=node_name(position, op),
            input=source,
            weight=weight,
            bias=bias,
            output=context.names[op.outputs[0]],
            stride=stride,
            padding=padding,
            dilation=dilation,
            input_zero_point=context.facts(op.inputs[0]).zero_point,
            rescale=_weighted_rescale(context, position, op),
        ),
    )


def _dense(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (2, 3))
    if op.options["weights_format"]:
        raise unsupported(position, op, "convert the model with the default weight format")
    source = context.computed(op.inputs[0])
    weight, bias = _weights(context, position, op, 0)
    shape = context.builder.shape(source)
    inputs = context.builder.shape(weight)[-1]
    output = context.sample_shape(op.outputs[0])
    if len(output) == 1 and shape != (inputs,):
        flat = f"{node_name(position, op)}/flat"
        if prod(shape) != inputs:
            raise unsupported(position, op, "its input holds several rows; convert with batch 1")
        reshape = Reshape(f"{node_name(position, op)}/flatten", source, flat)
        source = context.builder.add(reshape, S8, context.facts(op.inputs[0]), (inputs,))
    context.add(
        op.outputs[0],
        Dense(
            name=node_name(position, op),
            input=source,
            weight=weight,
            bias=bias,
            output=context.names[op.outputs[0]],
            input_zero_point=context.facts(op.inputs[0]).zero_point,
            rescale=_weighted_rescale(context, position, op),
        ),
    )


def _add(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (2, 2))
    names = (context.computed(op.inputs[0]), context.computed(op.inputs[1]))
    if context.builder.shape(names[0]) != context.builder.shape(names[1]):
        raise unsupported(position, op, "its inputs must have one shape, without broadcasting")
    first, second, output = (context.facts(index) for index in (*op.inputs, op.outputs[0]))
    low, high = fused_range(context, op, position)
    try:
        inputs, total = double_add(
            first.scale[0], second.scale[0], output.scale[0], output.zero_point, low, high
        )
    except ValueError as error:
        raise FormatError(f"{node_name(position, op)}: {error}; damaged, copy it again") from error
    context.add(
        op.outputs[0],
        Add(
            name=node_name(position, op),
            inputs=names,
            output=context.names[op.outputs[0]],
            input_zero_points=(first.zero_point, second.zero_point),
            input_rescales=inputs,
            rescale=total,
        ),
    )


def _same_meaning(context: Context, position: int, op: FileOperator, inputs: list[int]) -> None:
    output = context.facts(op.outputs[0])
    if any(context.facts(index) != output for index in inputs):
        raise unsupported(position, op, "its input and output must share scale and zero point")


def _pool(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (1, 1))
    _same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    kernel = (size_option(op, "filter_h"), size_option(op, "filter_w"))
    stride, padding = window(op, map_shape(context, source, op), kernel, (1, 1))
    low, high = fused_range(context, op, position)
    name, output = node_name(position, op), context.names[op.outputs[0]]
    if op.code == "AVERAGE_POOL_2D":
        pool = AvgPool2d(name, source, output, kernel, stride, padding, low, high)
        context.add(op.outputs[0], pool)
        return
    if (low, high) == (S8.low, S8.high):
        context.add(op.outputs[0], MaxPool2d(name, source, output, kernel, stride, padding))
        return
    raw = f"{name}/unclamped"
    pooled = MaxPool2d(name, source, raw, kernel, stride, padding)
    context.builder.add(pooled, S8, context.facts(op.outputs[0]))
    context.add(op.outputs[0], Clamp(f"{name}/clamp", raw, output, low, high))


def _pad(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (2, 3))
    _same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    amounts = constant(context, op.inputs[1], (INT32, INT64), f"{node_name(position, op)}: padding")
    if amounts.shape != (4, 2) or amounts[0].any() or amounts[3].any():
        raise unsupported(position, op, "pad rows and columns of a map (N, H, W, C) only")
    if amounts.min() < 0 or amounts.max() > LARGEST:
        raise FormatError(
            f"{node_name(position, op)}: pads by {amounts.max()}; damaged, copy it again"
        )
    (top, bottom), (left, right) = amounts[1].tolist(), amounts[2].tolist()
    value = context.facts(op.inputs[0]).zero_point
    if len(op.inputs) == 3:
        value = _scalar(context, position, op, op.inputs[2])
    padding = Padding(top, bottom, left, right)
    context.add(
        op.outputs[0],
        Pad(node_name(position, op), source, context.names[op.outputs[0]], padding, value),
    )


def _scalar(context: Context, position: int, op: FileOperator, index: int) -> int:
    value = constant(context, index, (INT8,), f"{node_name(position, op)}: constant")
    if value.size != 1:
        raise unsupported(position, op, "its constant must be one int8")
    if context.file.tensors[index].scale and context.facts(index) != context.facts(op.inputs[0]):
        raise unsupported(position, op, "its constant must have the input's scale and zero point")
    return int(value.reshape(-1)[0])


def _extremum(context: Context, position: int, op: FileOperator) -> None:
    """MAXIMUM or MINIMUM against one constant: half of a clamp."""
    check_operands(op, position, (2, 2))
    _same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    bound = _scalar(context, position, op, op.inputs[1])
    low, high = (bound, S8.high) if op.code == "MAXIMUM" else (S8.low, bound)
    clamp = Clamp(node_name(position, op), source, context.names[op.outputs[0]], low, high)
    context.add(op.outputs[0], clamp)


def _concat(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (1, LARGEST))
    _same_meaning(context, position, op, list(op.inputs))
    if op.options["activation"] != NONE:
        raise unsupported(position, op, "joins without a fused activation")
    rank = len(context.file.tensors[op.outputs[0]].shape)
    axis = int(op.options["axis"])
    axis += rank if axis < 0 else 0
    if not 1 <= axis < rank:
        raise unsupported(position, op, f"axis {axis} of {rank}; join along another than batch")
    names = tuple(context.computed(index) for index in op.inputs)
    node = Concat(node_name(position, op), names, context.names[op.outputs[0]], axis - 1)
    context.add(op.outputs[0], node)


def _reshape(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (1, 2))
    source = context.computed(op.inputs[0])
    context.add(
        op.outputs[0], Reshape(node_name(position, op), source, context.names[op.outputs[0]])
    )


def _softmax(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (1, 1))
    if context.facts(op.outputs[0]) != Quantization((1 / 256,), -128):
        raise unsupported(position, op, "its output must have scale 1/256 and zero point -128")
    step = float(np.float32(op.options["beta"]) * np.float32(context.facts(op.inputs[0]).scale[0]))
    source, output = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    node = Softmax(node_name(position, op), source, output, step, SoftmaxKind.FIXED)
    context.add(op.outputs[0], node)


def _requantize(context: Context, position: int, op: FileOperator) -> None:
    """QUANTIZE from int8 to int8, and RELU: a rescale with the ratio of the scales."""
    check_operands(op, position, (1, 1))
    activation = {"QUANTIZE": NONE, "RELU": RELU, "RELU6": RELU6}.get(op.code, RELU_N1_TO_1)
    source, output = (context.facts(index) for index in (op.inputs[0], op.outputs[0]))
    low, high = ordered(*activation_range(activation, output.scale[0], output.zero_point))
    name, target = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    if source == output:
        context.add(op.outputs[0], Clamp(node_name(position, op), name, target, low, high))
        return
    if op.code not in ("QUANTIZE", "RELU"):
        raise unsupported(position, op, "its input and output must share scale and zero point")
    try:
        rescale = double_rescale([source.scale[0] / output.scale[0]], output.zero_point, low, high)
    except ValueError as error:
        raise FormatError(f"{node_name(position, op)}: {error}; damaged, copy it again") from error
    node = Requantize(node_name(position, op), name, target, rescale, source.zero_point)
    context.add(op.outputs[0], node)


CONVERTERS: dict[str, Callable[[Context, int, FileOperator], None]] = {
    "ADD": _add,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concat,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "FULLY_CONNECTED": _dense,
    "MAXIMUM": _extremum,
    "MAX_POOL_2D": _pool,
    "MINIMUM": _extremum,
    "PAD": _pad,
    "PADV2": _pad,
    "QUANTIZE": _requantize,
    "RELU": _requantize,
    "RELU6": _requantize,
    "RELU_N1_TO_1": _requantize,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
}
"""Each operator that has a form, and what makes it."""
