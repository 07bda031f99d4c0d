"""Functions as tables: of one integer, and of two integers of 8 bits as one of 16."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.importers.tflite import unary16, unary_float, unary_lut16
from hwkit.importers.tflite.context import (
    Context,
    check_operands,
    fused_range,
    node_name,
    unsupported,
)
from hwkit.importers.tflite.elementwise import is_one_integer, two_operands
from hwkit.importers.tflite.file import FileOperator
from hwkit.importers.tflite.unary import (
    hard_swish_table,
    leaky_relu_table,
    logistic_table,
    tanh_table,
)
from hwkit.importers.tflite.unary_root import abs_table, quotient_table, rsqrt_table
from hwkit.ir.ops import Add, Lookup, Rescale, Rounding
from hwkit.ir.types import S16, S32, Array, IntType, Quantization


def function(context: Context, position: int, op: FileOperator) -> None:
    """A function of one integer, as a table."""
    check_operands(op, position, (1, 1))
    source, output = (context.facts(index) for index in (op.inputs[0], op.outputs[0]))
    dtype = context.dtype(op.outputs[0])
    fixed = _fixed_output(context, op.code, dtype, output)
    if output != fixed:
        remedy = f"its output must have scale 1/{round(1 / fixed.scale[0])} and zero point "
        raise unsupported(position, op, f"{remedy}{fixed.zero_point}")
    try:
        table = _table(context, op, dtype, source, output)
    except ValueError as error:
        raise unsupported(position, op, f"{error}; calibrate the model again") from error
    name = node_name(position, op)
    entries = context.builder.constant(f"{name}/table", table, dtype)
    x, target = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    context.add(op.outputs[0], Lookup(name, x, entries, target))


def _fixed_output(
    context: Context, code: str, dtype: IntType, output: Quantization
) -> Quantization:
    """``output`` with the scale and zero point that the runtime asks for."""
    if code not in ("LOGISTIC", "TANH"):
        return output
    if dtype == S16:
        return Quantization((1 / 32768,), 0)
    if context.litert:
        return output if code == "TANH" else replace(output, scale=(1 / 256,))
    return Quantization((1 / 256,), -128) if code == "LOGISTIC" else Quantization((1 / 128,), 0)


def _table(
    context: Context, op: FileOperator, dtype: IntType, source: Quantization, output: Quantization
) -> Array:
    match op.code:
        case "HARD_SWISH":
            return hard_swish_table(source, output, dtype, context.litert)
        case "LEAKY_RELU":
            alpha = float(op.options["alpha"])
            return leaky_relu_table(source, output, alpha, dtype, context.litert)
        case "ABS":
            return abs_table(source, output, dtype)
        case "NEG":
            negative = -np.arange(dtype.low, dtype.high + 1)
            return negative.astype(dtype.container)  # The lowest stays what it is.
        case "RSQRT" if dtype != S16 or not context.litert:
            return rsqrt_table(source, output, dtype)
        case "EXP" | "GELU" | "LOG" | "RSQRT" if dtype == S16:
            approximate = bool(op.options.get("approximate", 0))
            return unary_lut16.function_table(op.code, source, output, approximate)
        case "GELU":
            return unary_float.gelu_table(source, output, dtype, bool(op.options["approximate"]))
        case "ELU" | "EXP" | "LOG" | "SQRT":
            return unary_float.function_table(op.code, source, output, dtype, context.litert)
    if dtype == S16:
        wide = unary16.logistic_table if op.code == "LOGISTIC" else unary16.tanh_table
        return wide(source)
    if context.litert:
        real = unary_float.logistic_table if op.code == "LOGISTIC" else unary_float.tanh_table
        return real(source, output, dtype)
    narrow = logistic_table if op.code == "LOGISTIC" else tanh_table
    return narrow(source)


def divide(context: Context, position: int, op: FileOperator) -> None:
    """DIV: a table of one operand where the other is one constant, else of both at once."""
    check_operands(op, position, (2, 2))
    dtype = context.dtype(op.outputs[0])
    if dtype == S16:
        raise unsupported(position, op, "quotients of int16 have no form; use int8 here")
    first, second, output = (context.facts(index) for index in (*op.inputs, op.outputs[0]))
    try:
        limits = fused_range(context, op, position)
        table = quotient_table(first, second, output, limits, dtype)
    except ValueError as error:
        raise unsupported(position, op, f"{error}; calibrate the model again") from error
    name, target = node_name(position, op), context.names[op.outputs[0]]
    for side, index in enumerate(op.inputs):
        if not is_one_integer(context, index):
            continue
        data = context.file.tensors[index].data
        assert data is not None
        place = int(data.reshape(-1)[0]) - dtype.low
        part = table[place] if side == 0 else table[:, place]
        entries = context.builder.constant(f"{name}/table", np.ascontiguousarray(part), dtype)
        x = context.computed(op.inputs[1 - side])
        context.add(op.outputs[0], Lookup(name, x, entries, target))
        return
    both = _joined(context, position, op, first, second, dtype)
    entries = context.builder.constant(f"{name}/table", table.reshape(-1), dtype)
    context.add(op.outputs[0], Lookup(name, both, entries, target))


def _joined(
    context: Context,
    position: int,
    op: FileOperator,
    first: Quantization,
    second: Quantization,
    dtype: IntType,
) -> str:
    """Two integers of 8 bits as one of 16: ``256 x + z``, moved so that the lowest are -32768."""
    name = f"{node_name(position, op)}/both"
    high, low = (Rescale((times,), (0,), Rounding.FLOOR, S32.low, S32.high) for times in (256, 1))
    zero = 256 * first.zero_point + second.zero_point
    moved = S16.low - 257 * dtype.low
    total = Rescale((1,), (0,), Rounding.FLOOR, S16.low, S16.high, zero + moved)
    points = (first.zero_point, second.zero_point)
    node = Add(name, two_operands(context, op), name, points, (high, low), rescale=total)
    return context.builder.add(node, S16)
