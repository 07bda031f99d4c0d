"""BATCH_MATMUL: products of matrices that are both computed, or of which one is a constant."""

from __future__ import annotations

from math import prod

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.tflite.axes import taken
from hwkit.importers.tflite.context import (
    Context,
    check_operands,
    damaged,
    node_name,
    unsupported,
)
from hwkit.importers.tflite.file import FileOperator
from hwkit.ir.ops import Dense, MatMul, Op, Rescale, Reshape
from hwkit.ir.tflite import double_rescale, wide_rescale
from hwkit.ir.types import S8, S16, S32, S48, U8, Quantization, Shape


def batch_matmul(context: Context, position: int, op: FileOperator) -> None:
    """BATCH_MATMUL; leading axes of 1 are repeated to the other operand's."""
    check_operands(op, position, (2, 2))
    dtype, name = context.dtype(op.outputs[0]), node_name(position, op)
    if dtype == U8:
        raise unsupported(position, op, "products of uint8 have no form; use int8 or int16")
    adjoint = (bool(op.options["adj_x"]), bool(op.options["adj_y"]))
    shapes = [context.file.tensors[index].shape for index in op.inputs]
    rank = max(map(len, shapes))
    if min(map(len, shapes)) < 2:
        raise damaged(position, op, f"matrices of shapes {shapes}")
    shapes = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    depths = (shapes[0][-2 if adjoint[0] else -1], shapes[1][-1 if adjoint[1] else -2])
    if depths[0] != depths[1]:
        raise damaged(position, op, f"{depths[0]} columns with {depths[1]} rows")
    rescale = _rescale(context, position, op, depths[0])
    lead = _leading(position, op, shapes[0][:-2], shapes[1][:-2])
    points = (context.facts(op.inputs[0]).zero_point, context.facts(op.inputs[1]).zero_point)
    bits = S48.bits if dtype == S16 else S32.bits
    weight = _as_weight(context, position, op, adjoint[1], prod(shapes[1][:-2]))
    first = _matrices(context, f"{name}/first", op.inputs[0], shapes[0], lead)
    node: Op
    if weight is not None and not adjoint[0]:
        node = Dense(name, first, weight, None, f"{name}/product", points[0], bits, rescale)
    else:
        second = _matrices(context, f"{name}/second", op.inputs[1], shapes[1], lead)
        operands = (first, second)
        node = MatMul(name, operands, f"{name}/product", adjoint, points, bits, rescale)
    product = context.builder.add(node, dtype, context.facts(op.outputs[0]))
    context.add(op.outputs[0], Reshape(f"{name}/shape", product, context.names[op.outputs[0]]))


def _rescale(context: Context, position: int, op: FileOperator, depth: int) -> Rescale:
    first, second, output = (context.facts(index) for index in (*op.inputs, op.outputs[0]))
    dtype = context.dtype(op.outputs[0])
    # Both runtimes multiply these two in float32.
    product = float(np.float32(first.scale[0]) * np.float32(second.scale[0]))
    ratio = product / output.scale[0]
    try:
        if dtype != S16:
            return double_rescale([ratio], output.zero_point, dtype.low, dtype.high)
        if depth * ratio * (1 << 30) >= S32.high:
            raise unsupported(
                position, op, "its scaled sums leave 32 bits; use a coarser output scale"
            )
        return wide_rescale([ratio], dtype.low, dtype.high)
    except UnsupportedOp:
        raise
    except ValueError as error:
        raise damaged(position, op, error) from error


def _leading(position: int, op: FileOperator, first: Shape, second: Shape) -> Shape:
    pairs = list(zip(first, second, strict=True))
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        raise damaged(position, op, f"leading axes {first} and {second}")
    return tuple(max(pair) for pair in pairs)


def _as_weight(
    context: Context, position: int, op: FileOperator, transposed: bool, matrices: int
) -> str | None:
    """The second operand as a weight (outputs, inputs), where it is one constant matrix."""
    tensor = context.file.tensors[op.inputs[1]]
    if tensor.data is None or matrices != 1 or context.dtype(op.inputs[1]) != S8:
        return None
    if context.facts(op.inputs[1]).zero_point:
        return None
    matrix = tensor.data.reshape(tensor.shape[-2:])
    name, facts = f"{node_name(position, op)}/weight", Quantization(tensor.scale)
    return context.builder.constant(name, matrix if transposed else matrix.T, S8, facts)


def _matrices(context: Context, name: str, index: int, shape: Shape, lead: Shape) -> str:
    """The operand as (matrices, rows, columns): one matrix that serves all stays one."""
    source = context.computed(index)
    if prod(shape[:-2]) != 1:
        for axis, size in enumerate(lead):
            if shape[axis] == size:
                continue
            source = taken(context, f"{name}/axis{axis}", source, shape, axis, [0] * size)
            shape = (*shape[:axis], size, *shape[axis + 1 :])
    return context.reshaped(f"{name}/matrices", source, (prod(shape[:-2]), *shape[-2:]))
