"""Each .tflite operator as a node, with the reference kernels' arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from hwkit.errors import FormatError, UnsupportedOp
from hwkit.importers.tflite_file import INT8, INT32, INT64, FileOperator, FileTensor, TfliteFile
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Op,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Softmax,
    SoftmaxKind,
)
from hwkit.ir.shapes import extent
from hwkit.ir.tflite import (
    NONE,
    RELU,
    RELU6,
    RELU_N1_TO_1,
    activation_range,
    double_add,
    double_rescale,
    same_padding,
)
from hwkit.ir.types import S8, S32, Array, Quantization, Shape

_TARGET = "the .tflite importer"
_SAME, _VALID = 0, 1
_LARGEST = 1 << 16
"""Strides, dilations, kernels and borders above are taken for damage."""


class Context:
    """The file, the graph so far, and one unique name for each tensor."""

    def __init__(self, file: TfliteFile, name: str) -> None:
        self.file = file
        self.builder = GraphBuilder(name)
        seen: dict[str, int] = {}
        self.names: list[str] = []
        for index, tensor in enumerate(file.tensors):
            unique = tensor.name and seen.setdefault(tensor.name, index) == index
            self.names.append(tensor.name if unique else f"{tensor.name}#{index}")

    def computed(self, index: int) -> str:
        """Name of an activation that exists by now."""
        name = self.names[index]
        if index >= 0 and self.file.tensors[index].data is not None:
            remedy = "operators take activations of one shape, without broadcasting a constant"
            raise UnsupportedOp(f"constant {name!r}", _TARGET, remedy)
        if index < 0 or name not in self.builder.tensors:
            raise FormatError(
                f"tensor {index} is read before it is computed; damaged, copy it again"
            )
        return name

    def sample_shape(self, index: int) -> Shape:
        """Shape without the batch axis, which must be 1."""
        tensor = self.file.tensors[index]
        if len(tensor.shape) < 2 or tensor.shape[0] != 1:
            raise UnsupportedOp(
                f"tensor {tensor.name!r} of shape {tensor.shape}",
                _TARGET,
                "convert the model with a batch of 1 as its first axis",
            )
        return tensor.shape[1:]

    def facts(self, index: int) -> Quantization:
        return tensor_facts(self.file.tensors[index])

    def add(self, index: int, op: Op) -> None:
        """Appends ``op``, whose output is the file's tensor ``index``; its shape must agree."""
        declared = self.sample_shape(index)
        self.builder.add(op, S8, self.facts(index), declared)
        if self.builder.shape(op.output) != declared:
            raise FormatError(
                f"{op.name}: output is declared {declared}, computed "
                f"{self.builder.shape(op.output)}; damaged, copy it again"
            )


def tensor_facts(tensor: FileTensor) -> Quantization:
    """Scale and zero point of an int8 activation."""
    if tensor.type != INT8 or len(tensor.scale) != 1 or len(tensor.zero_point) != 1:
        raise UnsupportedOp(
            f"tensor {tensor.name!r}", _TARGET, "convert the model to full int8, per-tensor"
        )
    if not S8.low <= tensor.zero_point[0] <= S8.high:
        raise FormatError(f"tensor {tensor.name!r}: zero point {tensor.zero_point[0]} is no int8")
    return Quantization(tensor.scale, tensor.zero_point[0])


def _name(position: int, op: FileOperator) -> str:
    return f"{op.code.lower()}_{position}"


def _operands(op: FileOperator, position: int, inputs: tuple[int, int]) -> None:
    low, high = inputs
    if not low <= len(op.inputs) <= high or len(op.outputs) != 1 or op.outputs[0] < 0:
        raise FormatError(f"{_name(position, op)}: {len(op.inputs)} inputs; damaged, copy it again")


def _unsupported(position: int, op: FileOperator, remedy: str) -> UnsupportedOp:
    return UnsupportedOp(f"operator {position} ({op.code})", _TARGET, remedy)


def _size(op: FileOperator, key: str) -> int:
    value = int(op.options[key])
    if not 1 <= value <= _LARGEST:
        raise FormatError(f"{op.code}: {key} is {value}; damaged, copy it again")
    return value


def _range(context: Context, op: FileOperator, position: int) -> tuple[int, int]:
    """Range of the fused activation."""
    activation = int(op.options["activation"])
    if activation not in (NONE, RELU, RELU6, RELU_N1_TO_1):
        raise _unsupported(position, op, f"fused activation {activation}; use none or a RELU")
    facts = context.facts(op.outputs[0])
    return _ordered(*activation_range(activation, facts.scale[0], facts.zero_point))


def _ordered(low: int, high: int) -> tuple[int, int]:
    """A range that is cut off whole keeps its nearer end, as the kernels' max-then-min does."""
    return min(low, high), high


def _constant(context: Context, index: int, kinds: tuple[int, ...], what: str) -> Array:
    tensor = context.file.tensors[index] if index >= 0 else None
    if tensor is None or tensor.data is None or tensor.type not in kinds:
        raise FormatError(f"{what} is not a constant of the expected type; damaged, copy it again")
    return tensor.data


def _window(
    op: FileOperator, shape: Shape, kernel: tuple[int, int], dilation: tuple[int, int]
) -> tuple[tuple[int, int], Padding]:
    """Stride and padding of an operator that slides a window over a map (H, W, C)."""
    stride = (_size(op, "stride_h"), _size(op, "stride_w"))
    if op.options["padding"] == _VALID:
        return stride, NO_PADDING
    if op.options["padding"] != _SAME:
        raise FormatError(f"{op.code}: padding {op.options['padding']}; damaged, copy it again")
    top, bottom = same_padding(shape[0], extent(kernel[0], dilation[0]), stride[0])
    left, right = same_padding(shape[1], extent(kernel[1], dilation[1]), stride[1])
    return stride, Padding(top, bottom, left, right)


def _map_shape(context: Context, name: str, op: FileOperator) -> Shape:
    shape = context.builder.shape(name)
    if len(shape) != 3:
        raise FormatError(
            f"{op.code} reads a tensor of {len(shape) + 1} axes; damaged, copy it again"
        )
    return shape


def _weights(
    context: Context, position: int, op: FileOperator, axis: int
) -> tuple[str, str | None]:
    """Adds weight and bias as constants; returns their names."""
    weight = context.file.tensors[op.inputs[1]]
    value = _constant(context, op.inputs[1], (INT8,), f"{_name(position, op)}: weight")
    channels = weight.shape[axis] if len(weight.shape) > axis else 0
    per_channel = len(weight.scale) > 1
    if len(weight.scale) not in (1, channels) or (per_channel and weight.axis != axis):
        raise FormatError(
            f"{_name(position, op)}: {len(weight.scale)} weight scales; damaged, copy it again"
        )
    if any(weight.zero_point):
        raise _unsupported(position, op, "weights must be symmetric (zero point 0)")
    facts = Quantization(weight.scale)
    name = context.builder.constant(f"{_name(position, op)}/weight", value, S8, facts)
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return name, None
    bias = _constant(context, op.inputs[2], (INT32,), f"{_name(position, op)}: bias")
    return name, context.builder.constant(f"{_name(position, op)}/bias", bias, S32)


def _weighted_rescale(context: Context, position: int, op: FileOperator) -> Rescale:
    source, output = (context.facts(index) for index in (op.inputs[0], op.outputs[0]))
    weight = context.file.tensors[op.inputs[1]]
    ratios = [source.scale[0] * scale / output.scale[0] for scale in weight.scale]
    low, high = _range(context, op, position)
    try:
        return double_rescale(ratios, output.zero_point, low, high)
    except ValueError as error:
        raise FormatError(f"{_name(position, op)}: {error}; damaged, copy it again") from error


def _conv(context: Context, position: int, op: FileOperator) -> None:
    _operands(op, position, (2, 3))
    depthwise = op.code == "DEPTHWISE_CONV_2D"
    source = context.computed(op.inputs[0])
    weight, bias = _weights(context, position, op, 3 if depthwise else 0)
    shape = context.builder.shape(weight)
    if len(shape) != 4:
        raise FormatError(
            f"{_name(position, op)}: weight has {len(shape)} axes; damaged, copy it again"
        )
    kernel = (shape[1], shape[2])
    dilation = (_size(op, "dilation_h"), _size(op, "dilation_w"))
    stride, padding = _window(op, _map_shape(context, source, op), kernel, dilation)
    kind = DepthwiseConv2d if depthwise else Conv2d
    context.add(
        op.outputs[0],
        kind(
            name=_name(position, op),
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
    _operands(op, position, (2, 3))
    if op.options["weights_format"]:
        raise _unsupported(position, op, "convert the model with the default weight format")
    source = context.computed(op.inputs[0])
    weight, bias = _weights(context, position, op, 0)
    shape = context.builder.shape(source)
    inputs = context.builder.shape(weight)[-1]
    output = context.sample_shape(op.outputs[0])
    if len(output) == 1 and shape != (inputs,):
        flat = f"{_name(position, op)}/flat"
        if prod(shape) != inputs:
            raise _unsupported(position, op, "its input holds several rows; convert with batch 1")
        reshape = Reshape(f"{_name(position, op)}/flatten", source, flat)
        source = context.builder.add(reshape, S8, context.facts(op.inputs[0]), (inputs,))
    context.add(
        op.outputs[0],
        Dense(
            name=_name(position, op),
            input=source,
            weight=weight,
            bias=bias,
            output=context.names[op.outputs[0]],
            input_zero_point=context.facts(op.inputs[0]).zero_point,
            rescale=_weighted_rescale(context, position, op),
        ),
    )


def _add(context: Context, position: int, op: FileOperator) -> None:
    _operands(op, position, (2, 2))
    names = (context.computed(op.inputs[0]), context.computed(op.inputs[1]))
    if context.builder.shape(names[0]) != context.builder.shape(names[1]):
        raise _unsupported(position, op, "its inputs must have one shape, without broadcasting")
    first, second, output = (context.facts(index) for index in (*op.inputs, op.outputs[0]))
    low, high = _range(context, op, position)
    try:
        inputs, total = double_add(
            first.scale[0], second.scale[0], output.scale[0], output.zero_point, low, high
        )
    except ValueError as error:
        raise FormatError(f"{_name(position, op)}: {error}; damaged, copy it again") from error
    context.add(
        op.outputs[0],
        Add(
            name=_name(position, op),
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
        raise _unsupported(position, op, "its input and output must share scale and zero point")


def _pool(context: Context, position: int, op: FileOperator) -> None:
    _operands(op, position, (1, 1))
    _same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    kernel = (_size(op, "filter_h"), _size(op, "filter_w"))
    stride, padding = _window(op, _map_shape(context, source, op), kernel, (1, 1))
    low, high = _range(context, op, position)
    name, output = _name(position, op), context.names[op.outputs[0]]
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
    _operands(op, position, (2, 3))
    _same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    amounts = _constant(context, op.inputs[1], (INT32, INT64), f"{_name(position, op)}: padding")
    if amounts.shape != (4, 2) or amounts[0].any() or amounts[3].any():
        raise _unsupported(position, op, "pad rows and columns of a map (N, H, W, C) only")
    if amounts.min() < 0 or amounts.max() > _LARGEST:
        raise FormatError(f"{_name(position, op)}: pads by {amounts.max()}; damaged, copy it again")
    (top, bottom), (left, right) = amounts[1].tolist(), amounts[2].tolist()
    value = context.facts(op.inputs[0]).zero_point
    if len(op.inputs) == 3:
        value = _scalar(context, position, op, op.inputs[2])
    padding = Padding(top, bottom, left, right)
    context.add(
        op.outputs[0],
        Pad(_name(position, op), source, context.names[op.outputs[0]], padding, value),
    )


def _scalar(context: Context, position: int, op: FileOperator, index: int) -> int:
    value = _constant(context, index, (INT8,), f"{_name(position, op)}: constant")
    if value.size != 1:
        raise _unsupported(position, op, "its constant must be one int8")
    if context.file.tensors[index].scale and context.facts(index) != context.facts(op.inputs[0]):
        raise _unsupported(position, op, "its constant must have the input's scale and zero point")
    return int(value.reshape(-1)[0])


def _extremum(context: Context, position: int, op: FileOperator) -> None:
    """MAXIMUM or MINIMUM against one constant: half of a clamp."""
    _operands(op, position, (2, 2))
    _same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    bound = _scalar(context, position, op, op.inputs[1])
    low, high = (bound, S8.high) if op.code == "MAXIMUM" else (S8.low, bound)
    clamp = Clamp(_name(position, op), source, context.names[op.outputs[0]], low, high)
    context.add(op.outputs[0], clamp)


def _concat(context: Context, position: int, op: FileOperator) -> None:
    _operands(op, position, (1, _LARGEST))
    _same_meaning(context, position, op, list(op.inputs))
    if op.options["activation"] != NONE:
        raise _unsupported(position, op, "joins without a fused activation")
    rank = len(context.file.tensors[op.outputs[0]].shape)
    axis = int(op.options["axis"])
    axis += rank if axis < 0 else 0
    if not 1 <= axis < rank:
        raise _unsupported(position, op, f"axis {axis} of {rank}; join along another than batch")
    names = tuple(context.computed(index) for index in op.inputs)
    node = Concat(_name(position, op), names, context.names[op.outputs[0]], axis - 1)
    context.add(op.outputs[0], node)


def _reshape(context: Context, position: int, op: FileOperator) -> None:
    _operands(op, position, (1, 2))
    source = context.computed(op.inputs[0])
    context.add(op.outputs[0], Reshape(_name(position, op), source, context.names[op.outputs[0]]))


def _softmax(context: Context, position: int, op: FileOperator) -> None:
    _operands(op, position, (1, 1))
    if context.facts(op.outputs[0]) != Quantization((1 / 256,), -128):
        raise _unsupported(position, op, "its output must have scale 1/256 and zero point -128")
    step = float(np.float32(op.options["beta"]) * np.float32(context.facts(op.inputs[0]).scale[0]))
    source, output = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    node = Softmax(_name(position, op), source, output, step, SoftmaxKind.FIXED)
    context.add(op.outputs[0], node)


def _requantize(context: Context, position: int, op: FileOperator) -> None:
    """QUANTIZE from int8 to int8, and RELU: a rescale with the ratio of the scales."""
    _operands(op, position, (1, 1))
    activation = {"QUANTIZE": NONE, "RELU": RELU, "RELU6": RELU6}.get(op.code, RELU_N1_TO_1)
    source, output = (context.facts(index) for index in (op.inputs[0], op.outputs[0]))
    low, high = _ordered(*activation_range(activation, output.scale[0], output.zero_point))
    name, target = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    if source == output:
        context.add(op.outputs[0], Clamp(_name(position, op), name, target, low, high))
        return
    if op.code not in ("QUANTIZE", "RELU"):
        raise _unsupported(position, op, "its input and output must share scale and zero point")
    try:
        rescale = double_rescale([source.scale[0] / output.scale[0]], output.zero_point, low, high)
    except ValueError as error:
        raise FormatError(f"{_name(position, op)}: {error}; damaged, copy it again") from error
    node = Requantize(_name(position, op), name, target, rescale, source.zero_point)
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
