""".tflite operators that make one integer of each of some axes' integers: pools over a map."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from hwkit.importers.tflite.axes import permuted
from hwkit.importers.tflite.context import (
    Context,
    check_operands,
    constant,
    damaged,
    node_name,
    unsupported,
)
from hwkit.importers.tflite.elementwise import same_meaning, unchanged
from hwkit.importers.tflite.file import INT32, INT64, FileOperator
from hwkit.ir.ops import (
    NO_PADDING,
    ArgMax,
    Constant,
    Lookup,
    MaxPool2d,
    Reshape,
    Sub,
    SumPool2d,
)
from hwkit.ir.tflite import double_rescale, mean_rescale
from hwkit.ir.types import S16, S32, Array, Quantization, Shape

_LARGEST_COUNT = 1 << 16
"""Sums of so many 16-bit integers fit 32 bits, as the kernels have them."""


def _axes(context: Context, position: int, op: FileOperator) -> list[int]:
    """The axes of the file's shape, in order; none twice."""
    what = f"{node_name(position, op)}: axes"
    axes = constant(context, op.inputs[1], (INT32, INT64), what).reshape(-1).tolist()
    rank = len(context.file.tensors[op.inputs[0]].shape)
    if not axes or not all(-rank <= axis < rank for axis in axes):
        raise damaged(position, op, f"axes {axes[:8]} of {rank}")
    return sorted({axis % rank for axis in axes})


def _kept(shape: Shape, axes: Sequence[int]) -> list[int]:
    return [size for axis, size in enumerate(shape) if axis not in axes and size != 1]


def reduce(context: Context, position: int, op: FileOperator) -> None:
    """MEAN, SUM, REDUCE_MAX or REDUCE_MIN, of conditions REDUCE_ANY or REDUCE_ALL, as a pool over
    a map in which the axes lie together."""
    check_operands(op, position, (2, 2))
    axes, name = _axes(context, position, op), node_name(position, op)
    source, shape = context.computed(op.inputs[0]), context.file.tensors[op.inputs[0]].shape
    declared = context.file.tensors[op.outputs[0]].shape
    if [size for size in declared if size != 1] != _kept(shape, axes):
        raise damaged(position, op, f"shape {shape} without axes {axes} is not {declared}")
    large = [axis for axis in axes if shape[axis] != 1] or axes[:1]
    if any(shape[axis] != 1 for axis in range(large[0], large[-1]) if axis not in large):
        order = [*(axis for axis in range(len(shape)) if axis not in large), *large]
        source = permuted(context, f"{name}/together", source, shape, order)
        shape = tuple(shape[axis] for axis in order)
        large = list(range(len(shape) - len(large), len(shape)))
    as_map, kernel = _pooled_map(shape, large[0], large[-1] + 1, context.dropped(op.inputs[0]))
    wide = context.reshaped(f"{name}/map", source, as_map)
    dtype, facts = context.dtype(op.outputs[0]), context.facts(op.outputs[0])
    if op.code in ("MEAN", "SUM"):
        pool = _sums(context, position, op, wide, kernel)
        pooled = context.builder.add(pool, dtype, facts)
    else:
        same_meaning(context, position, op, [op.inputs[0]])
        smallest = op.code in ("REDUCE_MIN", "REDUCE_ALL")
        wide = turned(context, f"{name}/turned", wide) if smallest else wide
        largest = MaxPool2d(name, wide, f"{name}/pooled", kernel, (1, 1))
        turned_facts = context.builder.tensors[wide].quantization
        pooled = context.builder.add(largest, dtype, turned_facts)
        pooled = turned(context, f"{name}/back", pooled, facts) if smallest else pooled
    context.add(op.outputs[0], Reshape(f"{name}/shape", pooled, context.names[op.outputs[0]]))


def _pooled_map(shape: Shape, first: int, end: int, dropped: int) -> tuple[Shape, tuple[int, int]]:
    """A map of the same integers, and the window that covers the axes ``first`` to ``end``."""
    if dropped and (first, end, len(shape)) == (1, 3, 4):
        return shape[1:], (shape[1], shape[2])
    outer, count, inner = prod(shape[:first]), prod(shape[first:end]), prod(shape[end:])
    return (outer, count, inner), (1, count)


def _sums(
    context: Context, position: int, op: FileOperator, source: str, kernel: tuple[int, int]
) -> SumPool2d:
    """A mean's sum is rescaled by the ratio's multiplier, divided by their number beforehand."""
    before, after = context.facts(op.inputs[0]), context.facts(op.outputs[0])
    dtype, name, count = context.dtype(op.outputs[0]), node_name(position, op), prod(kernel)
    if dtype == S16 and count > _LARGEST_COUNT:
        raise unsupported(position, op, f"sums of {count} 16-bit integers leave 32 bits; sum twice")
    ratio, limits = before.scale[0] / after.scale[0], (after.zero_point, dtype.low, dtype.high)
    try:
        if op.code == "MEAN":
            rescale = mean_rescale(ratio, count, *limits)
        else:
            rescale = double_rescale([ratio], *limits)
    except ValueError as error:
        raise damaged(position, op, error) from error
    return SumPool2d(
        name,
        source,
        f"{name}/pooled",
        kernel,
        (1, 1),
        NO_PADDING,
        before.zero_point,
        rescale=rescale,
    )


def turned(context: Context, name: str, source: str, facts: Quantization | None = None) -> str:
    """``low + high - x`` of each integer of the type's range: the smallest is the largest."""
    tensor = context.builder.tensors[source]
    dtype = tensor.dtype
    if dtype != S16:
        downwards: Array = np.arange(dtype.high, dtype.low - 1, -1)
        table = context.builder.constant(f"{name}/table", downwards, dtype)
        return context.builder.add(Lookup(name, source, table, name), dtype, facts)
    ones = np.full((1,) * len(tensor.shape), dtype.low + dtype.high)
    value = context.builder.constant(f"{name}/value", ones, dtype)
    whole = context.builder.add(Constant(f"{name}/ends", value, f"{name}/ends"), dtype)
    back = Sub(name, (whole, source), name, (0, 0), rescale=unchanged(dtype, 0))
    return context.builder.add(back, dtype, facts)


def arg_extremum(context: Context, position: int, op: FileOperator) -> None:
    """ARG_MAX and ARG_MIN along any axis; of equals the first, as every runtime takes it.

    The graph's output is s32 whether the file says int32 or int64.
    """
    check_operands(op, position, (2, 2))
    axes, name = _axes(context, position, op), node_name(position, op)
    source, shape = context.computed(op.inputs[0]), context.file.tensors[op.inputs[0]].shape
    declared = context.file.tensors[op.outputs[0]].shape
    if len(axes) != 1 or tuple(declared) != shape[: axes[0]] + shape[axes[0] + 1 :]:
        raise damaged(position, op, f"shape {shape} without axis {axes[:8]} is not {declared}")
    (axis,) = axes
    if prod(shape[axis + 1 :]) != 1:
        order = [*(k for k in range(len(shape)) if k != axis), axis]
        source = permuted(context, f"{name}/last", source, shape, order)
    rows = context.reshaped(f"{name}/rows", source, (prod(shape) // shape[axis], shape[axis]))
    if op.code == "ARG_MIN":
        rows = turned(context, f"{name}/turned", rows)
    place = context.builder.add(ArgMax(name, rows, f"{name}/with_axis"), S32)
    output, sample = context.names[op.outputs[0]], context.sample_shape(op.outputs[0])
    context.builder.add(Reshape(f"{name}/shape", place, output), S32, None, sample)
