"""Ops that walk over up to four axes as calls of kernels: repeated operands, slices, transposes."""

from __future__ import annotations

from math import prod

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Constant,
    Mul,
    Prelu,
    ResizeBilinear,
    ResizeNearest,
    Slice,
    Sub,
    Transpose,
)
from hwkit.ir.sums import farthest
from hwkit.ir.types import S32, Shape
from hwkit.targets.mcu.bounds import largest_sum, operand_bounds
from hwkit.targets.mcu.call import Call, Fields, named, output_bytes, stored
from hwkit.targets.mcu.rescales import rescale
from hwkit.targets.mcu.structs import Struct, Table

_AXES = 4


def _four(numbers: tuple[int, ...], missing: int) -> tuple[int, ...]:
    return (missing,) * (_AXES - len(numbers)) + numbers


def _extent(shape: Shape) -> Struct:
    return Struct({"sizes": _four(shape, 1)})


def _steps(shape: Shape) -> tuple[int, ...]:
    """Distance of two neighbours along each axis: (4, 5, 3) has 15, 3, 1."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _repeated(shape: Shape, output: Shape) -> tuple[int, ...]:
    """Steps of an operand, 0 along the axes where its one integer serves all of the output."""
    steps = zip(_steps(shape), shape, output, strict=True)
    return _four(tuple(0 if size < wide else step for step, size, wide in steps), 0)


def _operands(graph: Graph, op: Add | Sub | Mul) -> Fields:
    """Fields of the walk over two operands."""
    tensors = [graph.tensors[name] for name in op.inputs]
    output = graph.tensors[op.output].shape
    return {
        "extent": _extent(output),
        "a_strides": _repeated(tensors[0].shape, output),
        "b_strides": _repeated(tensors[1].shape, output),
    }


def broadcast_add(graph: Graph, op: Add | Sub) -> Call:
    """A difference, or a sum of two shapes."""
    centred = operand_bounds(graph, op)
    fields = _operands(graph, op)
    fields |= {
        "subtract": int(isinstance(op, Sub)),
        "zero_points": op.input_zero_points,
        "input_rescales": tuple(
            rescale(r, most, f"input{k}_")
            for k, (r, most) in enumerate(zip(op.input_rescales, centred, strict=True))
        ),
        "rescale": rescale(op.rescale, largest_sum(graph, op), "", output_bytes(graph, op)),
    }
    return Call(named("broadcast_add", graph, op), Struct(fields), op.inputs)


def broadcast_mul(graph: Graph, op: Mul) -> Call:
    """A product."""
    fields = _operands(graph, op)
    fields |= {
        "zero_points": op.input_zero_points,
        "rescale": rescale(op.rescale, largest_sum(graph, op), "", output_bytes(graph, op)),
    }
    return Call(named("broadcast_mul", graph, op), Struct(fields), op.inputs)


def prelu(graph: Graph, op: Prelu) -> Call:
    """Two slopes."""
    source, slope = graph.tensors[op.input], graph.tensors[op.slope]
    most = farthest(source.dtype, op.input_zero_point)
    steepest = farthest(slope.dtype, op.slope_zero_point)
    # Unsigned slopes move with their zero point: 0..255 becomes -128..127.
    moved = 0 if slope.dtype.signed else 1 << (slope.dtype.bits - 1)
    slopes = graph.constants[op.slope].astype(np.int64) - moved
    fields: Fields = {
        "extent": _extent(source.shape),
        "slope_strides": _repeated(slope.shape, source.shape),
        "slopes": stored(op, "slopes", slopes),
        "input_zero_point": op.input_zero_point,
        "slope_zero_point": op.slope_zero_point - moved,
        "positive": rescale(op.positive, most, "positive_"),
        "negative": rescale(op.negative, most * steepest, "negative_"),
    }
    return Call("prelu_s8", Struct(fields), (op.input,))


def gather(graph: Graph, op: Slice | Transpose) -> Call:
    """A slice or a transpose: strides over the input."""
    steps = _steps(graph.tensors[op.input].shape)
    offset = 0
    if isinstance(op, Slice):
        offset = sum(b * step for b, step in zip(op.begin, steps, strict=True))
        strides = tuple(s * step for s, step in zip(op.stride, steps, strict=True))
    else:
        strides = tuple(steps[axis] for axis in op.permutation)
    fields: Fields = {
        "extent": _extent(graph.tensors[op.output].shape),
        "strides": _four(strides, 0),
        "offset": offset,
    }
    return Call(named("gather", graph, op), Struct(fields), (op.input,))


def resize_nearest(graph: Graph, op: ResizeNearest) -> Call:
    """Tables of the rows and columns to read. One kernel moves pixels of any width, in bytes."""
    _, width, channels = graph.tensors[op.input].shape
    fields: Fields = {
        "input_width": width,
        "channels": channels * output_bytes(graph, op),
        "output_height": len(op.rows),
        "output_width": len(op.columns),
        "rows": Table("rows", np.array(op.rows, np.int32)),
        "columns": Table("columns", np.array(op.columns, np.int32)),
    }
    return Call("resize_nearest_s8", Struct(fields), (op.input,))


def resize_bilinear(graph: Graph, op: ResizeBilinear) -> Call:
    """Tables of the rows and columns to read and of their weights."""
    height, width, channels = graph.tensors[op.input].shape
    numbers = {
        "rows": op.rows,
        "row_weights": op.row_weights,
        "columns": op.columns,
        "column_weights": op.column_weights,
    }
    most = largest_sum(graph, op)
    fields: Fields = {
        "input_height": height,
        "input_width": width,
        "channels": channels,
        "output_height": len(op.rows),
        "output_width": len(op.columns),
        "row_steps": op.steps[0],
        "column_steps": op.steps[1],
        "input_zero_point": op.input_zero_point,
        **{name: Table(name, np.array(of, np.int32)) for name, of in numbers.items()},
        "rescale": rescale(op.rescale, most, "", output_bytes(graph, op)),
    }
    long = "_long" if most > S32.high else ""
    return Call(named("resize_bilinear", graph, op) + long, Struct(fields), (op.input,))


def constant(graph: Graph, op: Constant) -> Call:
    """A copy of the constant into the arena, in bytes, whatever its width."""
    value = graph.constants[op.value]
    table = stored(op, "values", value, graph.tensors[op.output].dtype)
    in_bytes = Table(table.purpose, table.values.astype(table.values.dtype.newbyteorder("<")))
    fields: Fields = {
        "elements": in_bytes.bytes,
        "values": Table(table.purpose, np.frombuffer(in_bytes.values.tobytes(), np.int8)),
    }
    return Call("constant_s8", Struct(fields), ())
