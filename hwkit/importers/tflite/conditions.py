"""Comparisons, logic, and choices: conditions are int8 tensors of 0 and 1.

Both runtimes bring two operands to one grid of 1/256 before they compare them, by the fixed point
of an ADD: what is nearer than that is equal. But which of two integers of 16 bits is larger
LiteRT, the only one that has them, tells by the integers, whatever their scales.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.importers.tflite.context import Context, check_operands, node_name, unsupported
from hwkit.importers.tflite.elementwise import same_meaning, two_operands, unchanged
from hwkit.importers.tflite.file import BOOL, FileOperator
from hwkit.ir.ops import Add, Lookup, Mul, Requantize, Rescale, Rounding, Sub
from hwkit.ir.tflite import double_rescale
from hwkit.ir.types import S8, S16, S32, U8, Quantization

_EQUALITIES = ("EQUAL", "NOT_EQUAL")
_LEFT_SHIFT = 8
"""Bits by which operands are shifted to the left before they are rescaled to 1/256."""


def compare(context: Context, position: int, op: FileOperator) -> None:
    """LESS and its kin: what a difference is clamped to."""
    check_operands(op, position, (2, 2))
    name, target = node_name(position, op), context.names[op.outputs[0]]
    points, rescales = _on_one_grid(context, position, op)
    operands, dtype = two_operands(context, op), context.dtype(op.inputs[0])
    if op.code in ("LESS", "GREATER_EQUAL"):  # x < z where z - x is above 0; x >= z: not that.
        operands, points, rescales = operands[::-1], points[::-1], rescales[::-1]
    plain, low = op.code in ("LESS", "GREATER"), -1 if op.code in _EQUALITIES else 0
    part = name if plain and dtype != S16 else f"{name}/apart"
    output = target if part == name else part
    sign = Sub(part, operands, output, points, rescales, rescale=replace(_above(), low=low))
    if part == name:
        context.add(op.outputs[0], sign)
        return
    found = context.builder.add(sign, dtype if dtype == S16 else S8)
    if dtype == S16:
        node = Requantize(name, found, target, unchanged(S8, 0))
        if plain:
            context.add(op.outputs[0], node)
            return
        found = context.builder.add(replace(node, name=f"{name}/sign", output=f"{name}/sign"), S8)
    _table(context, op, name, found, op.code == "NOT_EQUAL")


def both(context: Context, position: int, op: FileOperator) -> None:
    """LOGICAL_AND: a product; LOGICAL_OR: a sum that is cut at 1."""
    check_operands(op, position, (2, 2))
    kind = Mul if op.code == "LOGICAL_AND" else Add
    names, target = two_operands(context, op), context.names[op.outputs[0]]
    context.add(op.outputs[0], kind(node_name(position, op), names, target, rescale=_above()))


def negation(context: Context, position: int, op: FileOperator) -> None:
    """LOGICAL_NOT."""
    check_operands(op, position, (1, 1))
    _table(context, op, node_name(position, op), context.computed(op.inputs[0]), False)


def select(context: Context, position: int, op: FileOperator) -> None:
    """SELECT and SELECT_V2."""
    check_operands(op, position, (3, 3))
    condition, *values = op.inputs
    if context.file.tensors[condition].type != BOOL:
        raise unsupported(position, op, "its condition must be bool")
    same_meaning(context, position, op, values)
    if op.code == "SELECT" and context.file_shape(condition) != context.file_shape(op.outputs[0]):
        raise unsupported(position, op, "its condition must have the output's shape")
    rank = len(context.sample_shape(op.outputs[0]))
    if len(context.file_shape(op.outputs[0])) != rank:
        raise unsupported(position, op, "it chooses among tensors of five axes; use four")
    c, x, z = (context.operand(index, rank) for index in op.inputs)
    choose = _of_16_bits if context.dtype(op.outputs[0]) == S16 else _of_8_bits
    choose(context, op, node_name(position, op), c, x, z)


def _of_16_bits(context: Context, op: FileOperator, name: str, c: str, x: str, z: str) -> None:
    """``c x + (z - c z)``, for which zero points are 0."""
    exact, wide = unchanged(S16, 0), f"{name}/condition"
    c = context.builder.add(Requantize(wide, c, wide, exact), S16)
    parts = []
    for side, value in (("taken", x), ("dropped", z)):
        part = f"{name}/{side}"
        node = Mul(part, (c, value), part, rescale=exact)
        parts.append(context.builder.add(node, S16, context.facts(op.outputs[0])))
    left = Sub(f"{name}/left", (z, parts[1]), f"{name}/left", rescale=exact)
    parts[1] = context.builder.add(left, S16, context.facts(op.outputs[0]))
    node_of = Add(name, (parts[0], parts[1]), context.names[op.outputs[0]], rescale=exact)
    context.add(op.outputs[0], node_of)


def _of_8_bits(context: Context, op: FileOperator, name: str, c: str, x: str, z: str) -> None:
    """``z + c max(x - z, 0) - c max(z - x, 0)``: nothing leaves 8 bits."""
    facts, dtype = context.facts(op.outputs[0]), context.dtype(op.outputs[0])
    point, unsigned = facts.zero_point, unchanged(U8, 0)
    steps, found = Quantization(facts.scale, 0), z
    for kind, side, pair in ((Add, "above", (x, z)), (Sub, "below", (z, x))):
        part = f"{name}/{side}"
        apart = Sub(part, pair, part, (point, point), rescale=unsigned)
        distance = context.builder.add(apart, U8, steps)
        taken = Mul(f"{part}_taken", (c, distance), f"{part}_taken", rescale=unsigned)
        operands = (found, context.builder.add(taken, U8, steps))
        last = kind is Sub
        target = context.names[op.outputs[0]] if last else f"{part}_added"
        rescale = unchanged(dtype, point)
        node = kind(name if last else target, operands, target, (point, 0), rescale=rescale)
        if last:
            context.add(op.outputs[0], node)
        else:
            found = context.builder.add(node, dtype, facts)


def _on_one_grid(
    context: Context, position: int, op: FileOperator
) -> tuple[tuple[int, int], tuple[Rescale | None, Rescale | None]]:
    """Zero points and rescales of both operands; no rescales where integers are compared."""
    if BOOL in (context.file.tensors[index].type for index in op.inputs):
        return (0, 0), (None, None)
    first, second = (context.facts(index) for index in op.inputs)
    if context.dtype(op.inputs[0]) == S16 and op.code not in _EQUALITIES:
        return (0, 0), (None, None)
    if max(first.scale[0], second.scale[0]) >= 1:
        raise unsupported(position, op, "scales of 1 and more stop its runtimes; calibrate again")
    try:
        one, other = (
            replace(double_rescale([f.scale[0]], 0, S32.low, S32.high), left_shift=_LEFT_SHIFT)
            for f in (first, second)
        )
    except ValueError as error:
        raise unsupported(position, op, f"{error}; calibrate the model again") from error
    return (first.zero_point, second.zero_point), (one, other)


def _above() -> Rescale:
    """1 of what is above 0, else 0."""
    return Rescale((1,), (0,), Rounding.FLOOR, 0, 1)


def _table(context: Context, op: FileOperator, name: str, source: str, truth: bool) -> None:
    """1 where an integer is 0, or where it is not."""
    integers = np.arange(S8.low, S8.high + 1)
    entries = ((integers != 0) == truth).astype(np.int8)
    table = context.builder.constant(f"{name}/table", entries, S8)
    context.add(op.outputs[0], Lookup(name, source, table, context.names[op.outputs[0]]))
