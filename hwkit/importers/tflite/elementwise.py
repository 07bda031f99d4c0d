""".tflite operators that compute each integer from those at its own place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError
from hwkit.importers.tflite.axes import taken
from hwkit.importers.tflite.context import (
    Context,
    check_operands,
    constant,
    damaged,
    fused_range,
    held,
    node_name,
    ordered,
    unsupported,
    with_rank,
)
from hwkit.importers.tflite.file import INT8, INT16, UINT8, FileOperator
from hwkit.importers.tflite.unary import scale_ratio
from hwkit.ir.ops import Add, Clamp, Constant, Mul, Prelu, Requantize, Rescale, Rounding, Sub
from hwkit.ir.tflite import (
    ADD_LEFT_SHIFT,
    ADD_LEFT_SHIFT_16,
    NONE,
    RELU,
    RELU6,
    RELU_0_TO_1,
    RELU_N1_TO_1,
    activation_range,
    double_add,
    double_rescale,
)
from hwkit.ir.types import S16, S32, IntType, Quantization, Shape


def two_operands(context: Context, op: FileOperator) -> tuple[str, str]:
    """Both operands with the axes of the output; where it has more than a graph's tensors may have,
    all of its integers."""
    shape = context.file_shape(op.outputs[0])
    if len(shape) > len(context.sample_shape(op.outputs[0])):
        return _whole(context, op, 0, shape), _whole(context, op, 1, shape)
    rank = len(context.sample_shape(op.outputs[0]))
    return context.operand(op.inputs[0], rank), context.operand(op.inputs[1], rank)


def _whole(context: Context, op: FileOperator, place: int, shape: Shape) -> str:
    """Operand ``place``, repeated to ``shape``, as the graph holds that."""
    index = op.inputs[place]
    tensor, name = context.file.tensors[index], f"{context.names[index]}/constant{len(shape)}"
    if tensor.data is not None:
        if name in context.builder.tensors:
            return name
        try:
            data = np.broadcast_to(tensor.data, shape).reshape(held(shape))
        except ValueError as error:
            raise GraphError(context.names[index], f"{tensor.shape} is not {shape}") from error
        dtype, facts = context.dtype(index), context.facts(index)
        value = context.builder.constant(f"{name}/value", data, dtype, facts)
        return context.builder.add(Constant(name, value, name), dtype, facts)
    own, source = with_rank(context.file_shape(index), len(shape)), context.computed(index)
    if any(n not in (1, m) for n, m in zip(own, shape, strict=True)):
        raise GraphError(context.names[index], f"{own} does not become {shape}")
    for axis, (n, m) in enumerate(zip(own, shape, strict=True)):
        if n != m:
            part = f"{context.names[op.outputs[0]]}/rank{place}{axis}"
            source = taken(context, part, source, own, axis, [0] * m)
            own = (*own[:axis], m, *own[axis + 1 :])
    return context.reshaped(f"{context.names[op.outputs[0]]}/rank{place}", source, held(shape))


def add(context: Context, position: int, op: FileOperator) -> None:
    """ADD and SUB, with sizes of 1 repeated."""
    check_operands(op, position, (2, 2))
    first, second, output = (context.facts(index) for index in (*op.inputs, op.outputs[0]))
    scales = (first.scale[0], second.scale[0], output.scale[0])
    kind = Add if op.code == "ADD" else Sub
    shift = ADD_LEFT_SHIFT_16 if context.dtype(op.outputs[0]) == S16 else ADD_LEFT_SHIFT
    try:
        low, high = fused_range(context, op, position)
        inputs, total = double_add(*scales, output.zero_point, low, high, shift)
    except ValueError as error:
        raise damaged(position, op, error) from error
    names = two_operands(context, op)
    zero_points = (first.zero_point, second.zero_point)
    target = context.names[op.outputs[0]]
    node = kind(node_name(position, op), names, target, zero_points, inputs, rescale=total)
    context.add(op.outputs[0], node)


def mul(context: Context, position: int, op: FileOperator) -> None:
    """MUL, with sizes of 1 repeated."""
    check_operands(op, position, (2, 2))
    first, second, output = (context.facts(index) for index in (*op.inputs, op.outputs[0]))
    ratio = scale_ratio(first.scale[0], second.scale[0], output.scale[0], context.litert)
    rescale = _rescale(position, op, ratio, output, *fused_range(context, op, position))
    names, target = two_operands(context, op), context.names[op.outputs[0]]
    zero_points = (first.zero_point, second.zero_point)
    node = Mul(node_name(position, op), names, target, zero_points, rescale=rescale)
    context.add(op.outputs[0], node)


def _rescale(
    position: int, op: FileOperator, ratio: float, output: Quantization, low: int, high: int
) -> Rescale:
    try:
        return double_rescale([ratio], output.zero_point, low, high)
    except ValueError as error:
        raise damaged(position, op, error) from error


def squared_difference(context: Context, position: int, op: FileOperator) -> None:
    """SQUARED_DIFFERENCE: the difference in 16 bits, times itself."""
    check_operands(op, position, (2, 2))
    first, second, output = (context.facts(index) for index in (*op.inputs, op.outputs[0]))
    dtype, name = context.dtype(op.outputs[0]), node_name(position, op)
    shift = 0 if dtype == S16 else _SQUARE_LEFT_SHIFT
    twice = 2 * max(first.scale[0], second.scale[0])
    # Both runtimes multiply this scale by a power of two in float32, which is exact.
    ratio = twice * twice / (output.scale[0] * (1 << 2 * shift))
    try:
        inputs = [
            replace(double_rescale([scale / twice], 0, S32.low, S32.high), left_shift=shift)
            for scale in (first.scale[0], second.scale[0])
        ]
        square = double_rescale([ratio], output.zero_point, dtype.low, dtype.high)
    except ValueError as error:
        raise damaged(position, op, error) from error
    names, points = two_operands(context, op), (first.zero_point, second.zero_point)
    rescales = (inputs[0], inputs[1])
    if dtype != S16:
        apart = Sub(f"{name}/apart", names, f"{name}/apart", points, rescales, rescale=_AS_16)
        apart_name = context.builder.add(apart, S16)
    else:
        apart_name = _minus_distance(context, name, names, rescales)
    node = Mul(name, (apart_name, apart_name), context.names[op.outputs[0]], rescale=square)
    context.add(op.outputs[0], node)


_SQUARE_LEFT_SHIFT = 7
"""Bits by which operands of 8 bits are shifted to the left before they are rescaled."""
_AS_16 = Rescale((1,), (0,), Rounding.FLOOR, S16.low, S16.high)


def _minus_distance(
    context: Context, name: str, names: tuple[str, str], rescales: tuple[Rescale, Rescale]
) -> str:
    """``-|x - z|``: the distance itself may be 32768."""
    below = replace(_AS_16, high=0)
    parts = []
    for side, order in (("first", (0, 1)), ("second", (1, 0))):
        part = f"{name}/{side}_below"
        operands, of = (names[order[0]], names[order[1]]), (rescales[order[0]], rescales[order[1]])
        node = Sub(part, operands, part, (0, 0), of, rescale=below)
        parts.append(context.builder.add(node, S16))
    total = Add(f"{name}/apart", (parts[0], parts[1]), f"{name}/apart", rescale=_AS_16)
    return context.builder.add(total, S16)


def prelu(context: Context, position: int, op: FileOperator) -> None:
    """PRELU with constant slopes."""
    check_operands(op, position, (2, 2))
    name = node_name(position, op)
    dtype = context.dtype(op.outputs[0])
    slope = constant(context, op.inputs[1], (INT8, UINT8), f"{name}: slope")
    source, alpha, output = (context.facts(index) for index in (*op.inputs, op.outputs[0]))
    x = context.computed(op.inputs[0])
    shape = with_rank(slope.shape, len(context.builder.shape(x)))
    ratio, falling = (
        scale_ratio(source.scale[0], factor, output.scale[0], context.litert)
        for factor in (1.0, alpha.scale[0])
    )
    positive, negative = (
        _rescale(position, op, r, output, dtype.low, dtype.high) for r in (ratio, falling)
    )
    node = Prelu(
        name,
        x,
        context.builder.constant(f"{name}/slope", slope.reshape(shape), dtype, alpha),
        context.names[op.outputs[0]],
        positive,
        negative,
        source.zero_point,
        alpha.zero_point,
    )
    context.add(op.outputs[0], node)


def extremum(context: Context, position: int, op: FileOperator) -> None:
    """MAXIMUM or MINIMUM: half of a clamp against one constant, else ``x + max(z - x, 0)`` or
    ``x - max(x - z, 0)``."""
    check_operands(op, position, (2, 2))
    first, second = op.inputs
    # Either operand may be the constant.
    if is_one_integer(context, first):
        first, second = second, first
    if not is_one_integer(context, second):
        _extremum_of_two(context, position, op)
        return
    same_meaning(context, position, op, [first])
    bound = scalar(context, position, op, second, first)
    dtype = context.dtype(op.outputs[0])
    low, high = (bound, dtype.high) if op.code == "MAXIMUM" else (dtype.low, bound)
    source, target = context.computed(first), context.names[op.outputs[0]]
    context.add(op.outputs[0], Clamp(node_name(position, op), source, target, low, high))


def is_one_integer(context: Context, index: int) -> bool:
    """Whether it is a constant of one element."""
    data = context.file.tensors[index].data if index >= 0 else None
    return data is not None and data.size == 1


def _extremum_of_two(context: Context, position: int, op: FileOperator) -> None:
    same_meaning(context, position, op, list(op.inputs))
    name, facts = node_name(position, op), context.facts(op.outputs[0])
    dtype = context.dtype(op.outputs[0])
    unsigned = replace(dtype, signed=False)
    x, z = two_operands(context, op)
    largest = op.code == "MAXIMUM"
    order, above = (z, x) if largest else (x, z), f"{name}/above"
    point = facts.zero_point
    excess = Sub(above, order, above, (point, point), rescale=unchanged(unsigned, 0))
    steps = Quantization(facts.scale, 0)
    operands = (x, context.builder.add(excess, unsigned, steps))
    kind, target = Add if largest else Sub, context.names[op.outputs[0]]
    node = kind(name, operands, target, (point, 0), rescale=unchanged(dtype, point))
    context.add(op.outputs[0], node)


def unchanged(dtype: IntType, zero_point: int) -> Rescale:
    """An integer as it is, but for the zero point, clamped to the range of ``dtype``."""
    return Rescale((1 << 30,), (30,), Rounding.DOUBLE, dtype.low, dtype.high, zero_point)


def scalar(context: Context, position: int, op: FileOperator, index: int, like: int) -> int:
    """The one integer of a constant that means the same as the tensor ``like``."""
    value = constant(context, index, (INT8, INT16, UINT8), f"{node_name(position, op)}: constant")
    if value.size != 1:
        raise unsupported(position, op, "its constant must be one integer")
    if context.file.tensors[index].scale and context.facts(index) != context.facts(like):
        raise unsupported(position, op, "its constant must have the input's scale and zero point")
    return int(value.reshape(-1)[0])


def same_meaning(context: Context, position: int, op: FileOperator, inputs: list[int]) -> None:
    """``UnsupportedOp`` unless the inputs and the output share scale and zero point."""
    output = context.facts(op.outputs[0])
    if any(context.facts(index) != output for index in inputs):
        raise unsupported(position, op, "its input and output must share scale and zero point")


def requantize(context: Context, position: int, op: FileOperator) -> None:
    """QUANTIZE, and RELU; the other RELUs in LiteRT: a rescale with the ratio of the scales."""
    check_operands(op, position, (1, 1))
    source, output = (context.facts(index) for index in (op.inputs[0], op.outputs[0]))
    name, target = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    dtype = context.dtype(op.outputs[0])
    activation = _ACTIVATIONS.get(op.code, NONE)
    low, high = ordered(*activation_range(activation, output.scale[0], output.zero_point, dtype))
    if source == output and dtype == context.dtype(op.inputs[0]):
        context.add(op.outputs[0], Clamp(node_name(position, op), name, target, low, high))
        return
    single = context.litert and activation != NONE
    ratio = scale_ratio(source.scale[0], 1.0, output.scale[0], single)
    rescale = _rescale(position, op, ratio, output, low, high)
    node = Requantize(node_name(position, op), name, target, rescale, source.zero_point)
    context.add(op.outputs[0], node)


def clamp(context: Context, position: int, op: FileOperator) -> None:
    """RELU6, RELU_N1_TO_1 and RELU_0_TO_1: the range in the input's integers, which TFLM passes on
    as they are, whatever the output's scale."""
    check_operands(op, position, (1, 1))
    facts = context.facts(op.inputs[0])
    dtype = context.dtype(op.inputs[0])
    if context.litert:
        requantize(context, position, op)
        return
    bounds = activation_range(_ACTIVATIONS[op.code], facts.scale[0], facts.zero_point, dtype)
    low, high = ordered(*bounds)
    source, target = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    context.add(op.outputs[0], Clamp(node_name(position, op), source, target, low, high))


_ACTIVATIONS = {
    "RELU": RELU,
    "RELU6": RELU6,
    "RELU_0_TO_1": RELU_0_TO_1,
    "RELU_N1_TO_1": RELU_N1_TO_1,
}
