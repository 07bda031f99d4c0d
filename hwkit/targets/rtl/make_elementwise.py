"""Ops that compute integer by integer, or place by place, as layers of a core."""

from __future__ import annotations

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.ops import (
    Add,
    ArgMax,
    Clamp,
    Lookup,
    Mul,
    Prelu,
    Requantize,
    Rescale,
    Rounding,
    Softmax,
    SoftmaxKind,
    Sub,
)
from hwkit.ir.softmax_table import FRACTION_BITS
from hwkit.ir.types import Array, IntType, Shape
from hwkit.targets.rtl.layers import (
    Largest,
    Sum,
    Table,
)
from hwkit.targets.rtl.maker import Maker, Value
from hwkit.targets.rtl.pairs import Choice, Product
from hwkit.targets.rtl.ranges import Range, of_type, signed_bits
from hwkit.targets.rtl.rescaling import TARGET, Scaling, scaling
from hwkit.targets.rtl.softmax import KINDS, Normalized


def pointwise(m: Maker, op: Requantize | Clamp) -> None:
    offset = 0
    if isinstance(op, Clamp):
        r = Rescale((1,), (0,), Rounding.FLOOR, op.low, op.high)
    else:
        r, offset = op.rescale, -op.input_zero_point
    m.scaled(op.name, op.input, op.output, r, offset, op.output)


def lookup(m: Maker, op: Lookup) -> None:
    x, tensor = m.value(op.input), m.graph.tensors[op.output]
    declared = m.graph.tensors[op.input].dtype
    table = m.graph.constants[op.table].astype(np.int64)
    patterns = np.arange(1 << x.dtype.bits)
    if x.dtype.signed:
        patterns = np.where(patterns > x.dtype.high, patterns - len(patterns), patterns)
    entries = table[np.clip(patterns - declared.low, 0, len(table) - 1)]
    if set(table.tolist()) == {-1, 1}:
        m.signs[op.output] = _bits(m, op, x, entries > 0)
    layer = Table(
        op.name,
        (m.real(op.input),),
        op.output,
        tensor.elements,
        tensor.shape[-1],
        x.dtype,
        entries,
        tensor.dtype,
    )
    m.put(layer, tensor.dtype, Range(int(table.min()), int(table.max())))


def _bits(m: Maker, op: Lookup, x: Value, entries: Array) -> str:
    """The tensor of a bit for each integer of the table's output, by the bits of its input."""
    bit, tensor = IntType(1, False), m.graph.tensors[op.output]
    if x.dtype == bit and entries.tolist() == [False, True]:
        return m.real(op.input)
    name, output = f"{op.name}/bits", f"{op.output}/bits"
    layer = Table(
        name,
        (m.real(op.input),),
        output,
        tensor.elements,
        tensor.shape[-1],
        x.dtype,
        entries.astype(np.int64),
        bit,
    )
    m.put(layer, bit, Range(0, 1))
    return output


def largest(m: Maker, op: ArgMax) -> None:
    x, channels = m.value(op.input), m.graph.tensors[op.input].shape[-1]
    dtype = IntType(max((channels - 1).bit_length(), 1), False)
    size = m.graph.tensors[op.output].elements
    layer = Largest(op.name, (m.real(op.input),), op.output, size, channels, x.dtype, dtype)
    m.put(layer, dtype, Range(0, channels - 1))


def softmax(m: Maker, op: Softmax) -> None:
    x, tensor = m.value(op.input), m.graph.tensors[op.output]
    if op.kind not in KINDS or x.dtype.bits > 8:
        remedy = f"Softmax {op.kind} of {x.dtype} has no circuit; end the network at its logits"
        raise UnsupportedOp(op.name, TARGET, remedy)
    dtype, made = tensor.dtype, None
    result = of_type(dtype)
    if op.kind is SoftmaxKind.TABLE:
        dtype, result = IntType(32, True), Range(0, 1 << FRACTION_BITS)
    value = Value(dtype, result)
    if op.rescale is not None:
        made = scaling(op.rescale, dtype, result, 0, tensor.dtype, op.name)
        value = Value(tensor.dtype, made.result)
    layer = Normalized(
        op.name,
        (m.real(op.input),),
        op.output,
        tensor.elements,
        tensor.shape[-1],
        x.dtype,
        op.input_scale,
        op.kind,
        dtype,
        made,
    )
    m.put(layer, value.dtype, value.range)


def total(m: Maker, op: Add | Sub) -> None:
    names = _broadcast(m, op)
    scalings: list[Scaling | None] = []
    ranges: list[Range] = []
    offset = 0
    signs = (1, -1 if isinstance(op, Sub) else 1)
    operands = zip(names, op.input_zero_points, op.input_rescales, signs, strict=True)
    for name, zero_point, r, sign in operands:
        x = m.values[name]
        if r is None:
            scalings.append(None)
            offset -= sign * zero_point
            ranges.append(x.range)
        else:
            made = _operand(m, r, x, zero_point, op)
            scalings.append(made)
            ranges.append(made.result)
    second = -ranges[1] if isinstance(op, Sub) else ranges[1]
    total = (ranges[0] + second).moved(offset)
    acc, made_out, value = m.finished(op, total, op.rescale)
    tensor = m.graph.tensors[op.output]
    layer = Sum(
        op.name,
        names,
        op.output,
        tensor.elements,
        tensor.shape[-1],
        (m.values[names[0]].dtype, m.values[names[1]].dtype),
        (scalings[0], scalings[1]),
        isinstance(op, Sub),
        offset,
        acc.bits,
        made_out,
    )
    m.put(layer, value.dtype, value.range)


def _operand(m: Maker, r: Rescale, x: Value, zero_point: int, op: Add | Sub) -> Scaling:
    """A rescale to a common step, on wires as wide as its results need."""
    wide = IntType(32, True)
    made = scaling(r, x.dtype, x.range, -zero_point, wide, op.name)
    return scaling(
        r, x.dtype, x.range, -zero_point, IntType(signed_bits(made.result), True), op.name
    )


def product(m: Maker, op: Mul) -> None:
    names = _broadcast(m, op)
    offsets = (-op.input_zero_points[0], -op.input_zero_points[1])
    first, second = (
        m.values[name].range.moved(by) for name, by in zip(names, offsets, strict=True)
    )
    acc, made, value = m.finished(op, first * second, op.rescale)
    tensor = m.graph.tensors[op.output]
    layer = Product(
        op.name,
        names,
        op.output,
        tensor.elements,
        tensor.shape[-1],
        offsets,
        (first, second),
        acc.bits,
        made,
    )
    m.put(layer, value.dtype, value.range)


def prelu(m: Maker, op: Prelu) -> None:
    """Both branches, and the one that the input's sign chooses."""
    tensor, x = m.graph.tensors[op.output], m.value(op.input)
    names = {part: f"{op.name}/{part}" for part in ("slope", "above", "below")}
    slope = m.graph.constants[op.slope].astype(np.int64) - op.slope_zero_point
    bits = IntType(signed_bits(Range(int(slope.min()), int(slope.max()))), True)
    m.constant(names["slope"], names["slope"], np.broadcast_to(slope, tensor.shape), bits)
    zero = -op.input_zero_point
    above = m.scaled(names["above"], op.input, names["above"], op.positive, zero, op.output)
    ranges = (x.range.moved(zero), m.values[names["slope"]].range)
    total = ranges[0] * ranges[1]
    acc = IntType(signed_bits(total), True)
    below = scaling(op.negative, acc, total, 0, tensor.dtype, op.name)
    product = Product(
        names["below"],
        (m.real(op.input), names["slope"]),
        names["below"],
        tensor.elements,
        tensor.shape[-1],
        (zero, 0),
        ranges,
        acc.bits,
        below,
    )
    m.put(product, tensor.dtype, below.result)
    layer = Choice(
        op.name,
        (m.real(op.input), names["above"], names["below"]),
        op.output,
        tensor.elements,
        tensor.shape[-1],
        op.input_zero_point,
        tensor.dtype,
    )
    m.put(layer, tensor.dtype, above | below.result)


def _broadcast(m: Maker, op: Add | Sub | Mul) -> tuple[str, str]:
    """Tensors of the operands, each in the shape of the output."""
    shape = m.graph.tensors[op.output].shape
    first, second = (_in_shape(m, op, k, name, shape) for k, name in enumerate(op.inputs))
    return first, second


def _in_shape(m: Maker, op: Add | Sub | Mul, k: int, name: str, shape: Shape) -> str:
    """The tensor of operand ``k``, its sizes of 1 repeated to ``shape``."""
    tensor = m.graph.tensors[name]
    if tensor.shape == shape:
        return m.real(name)
    made = f"{op.name}/{k}"
    if name in m.constants:
        value = np.broadcast_to(m.constants[name], shape)
        return m.constant(made, made, value, tensor.dtype)
    index = np.broadcast_to(np.arange(tensor.elements).reshape(tensor.shape), shape)
    m.gather(made, name, made, index)
    return m.real(made)
