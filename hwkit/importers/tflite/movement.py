""".tflite operators that move integers and compute nothing."""

from __future__ import annotations

from math import prod

from hwkit.importers.tflite.context import (
    LARGEST,
    Context,
    check_operands,
    constant,
    damaged,
    map_shape,
    node_name,
    size_option,
    unsupported,
)
from hwkit.importers.tflite.elementwise import same_meaning, scalar
from hwkit.importers.tflite.file import INT32, INT64, FileOperator
from hwkit.importers.tflite.unary_float import rescale_table
from hwkit.ir.ops import Concat, Lookup, Pad, Padding, Reshape, ResizeNearest, Slice, Transpose
from hwkit.ir.tflite import NONE, nearest
from hwkit.ir.types import U8, Shape

_Range = tuple[int, int, int]
"""Begin, size and stride along one axis."""


def reshape(context: Context, position: int, op: FileOperator) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the output's shape is declared, so nothing else is read."""
    check_operands(op, position, (1, 2))
    _reshape_into(context, position, op, context.computed(op.inputs[0]), op.outputs[0])


def _reshape_into(
    context: Context, position: int, op: FileOperator, source: str, index: int
) -> None:
    """The last node of an operator: ``source`` under the shape of the file's tensor ``index``."""
    declared = context.sample_shape(index)
    if prod(declared) != prod(context.builder.shape(source)):
        shape = context.builder.shape(source)
        raise damaged(position, op, f"shape {shape} does not become {declared}")
    context.add(index, Reshape(f"{node_name(position, op)}/{index}", source, context.names[index]))


def _integers(context: Context, position: int, op: FileOperator, index: int) -> list[int]:
    value = constant(context, index, (INT32, INT64), f"{node_name(position, op)}: tensor {index}")
    return [int(number) for number in value.reshape(-1)]


def _axis(position: int, op: FileOperator, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise damaged(position, op, f"axis {axis} of {rank}")
    return axis % rank


def _sliced(
    context: Context, position: int, op: FileOperator, ranges: list[_Range], index: int
) -> None:
    """The part of the operator's data ``ranges`` (of the file's axes) as tensor ``index``."""
    source_index = op.inputs[1 if op.code == "SPLIT" else 0]
    source = context.computed(source_index)
    dropped = context.dropped(source_index)
    if dropped and ranges[0][:2] != (0, 1):
        raise damaged(position, op, f"slices {ranges[0][:2]} of a batch of 1")
    kept = ranges[dropped:] or [(0, 1, 1)]
    name = f"{node_name(position, op)}/slice{index}"
    begin, size, stride = (tuple(column) for column in zip(*kept, strict=True))
    if size == context.sample_shape(index):
        context.add(index, Slice(name, source, context.names[index], begin, size, stride))
        return
    part = Slice(name, source, name, begin, size, stride)
    facts = context.facts(source_index)
    _reshape_into(
        context, position, op, context.builder.add(part, context.dtype(source_index), facts), index
    )


def slice_(context: Context, position: int, op: FileOperator) -> None:
    """SLICE; a size of -1 is all that is left."""
    check_operands(op, position, (3, 3))
    shape = context.file.tensors[op.inputs[0]].shape
    begins, sizes = (_integers(context, position, op, index) for index in op.inputs[1:])
    if not len(begins) == len(sizes) == len(shape):
        raise damaged(position, op, f"begin {begins} and size {sizes} of shape {shape}")
    ranges = [
        (begin, limit - begin if size == -1 else size, 1)
        for begin, size, limit in zip(begins, sizes, shape, strict=True)
    ]
    _sliced(context, position, op, ranges, op.outputs[0])


def strided_slice(context: Context, position: int, op: FileOperator) -> None:
    """STRIDED_SLICE, with masks for open ends and for axes that are dropped."""
    check_operands(op, position, (4, 4))
    if any(op.options[key] for key in ("ellipsis_mask", "new_axis_mask", "offset")):
        raise unsupported(position, op, "no ellipsis, new axis or offset; slice every axis")
    shape = context.file.tensors[op.inputs[0]].shape
    begins, ends, strides = (_integers(context, position, op, index) for index in op.inputs[1:])
    if not len(begins) == len(ends) == len(strides) == len(shape) or 0 in strides:
        raise damaged(position, op, f"begin {begins}, end {ends}, stride {strides} of {shape}")
    ranges = []
    for axis, limit in enumerate(shape):
        open_begin, open_end, shrink = (
            int(op.options[key]) >> axis & 1
            for key in ("begin_mask", "end_mask", "shrink_axis_mask")
        )
        begin = None if open_begin else begins[axis]
        end = None if open_end else ends[axis]
        places = range(*slice(begin, end, strides[axis]).indices(limit))
        count = 1 if shrink else len(places)
        ranges.append((places.start, count, strides[axis]))
    _sliced(context, position, op, ranges, op.outputs[0])


def split(context: Context, position: int, op: FileOperator) -> None:
    """SPLIT and SPLIT_V: one slice for each output, as long as it is declared."""
    even = op.code == "SPLIT"
    check_operands(op, position, (2, 2) if even else (3, 3), max(len(op.outputs), 1))
    data, axes = (op.inputs[1], op.inputs[0]) if even else (op.inputs[0], op.inputs[2])
    numbers = _integers(context, position, op, axes)
    context.computed(data)
    shape = context.file.tensors[data].shape
    if len(numbers) != 1:
        raise damaged(position, op, f"{len(numbers)} axes")
    axis = _axis(position, op, numbers[0], len(shape))
    sizes = [context.file.tensors[index].shape for index in op.outputs]
    if any(len(size) != len(shape) for size in sizes):
        raise damaged(position, op, f"outputs of shapes {sizes[:4]} from {shape}")
    begin = 0
    for index, size in zip(op.outputs, sizes, strict=True):
        ranges = [(0, limit, 1) for limit in shape]
        ranges[axis] = (begin, size[axis], 1)
        begin += size[axis]
        _sliced(context, position, op, ranges, index)


def unpack(context: Context, position: int, op: FileOperator) -> None:
    """UNPACK: one slice for each place along the axis, without that axis."""
    check_operands(op, position, (1, 1), max(len(op.outputs), 1))
    shape = context.file.tensors[op.inputs[0]].shape
    axis = _axis(position, op, int(op.options["axis"]), len(shape))
    for place, index in enumerate(op.outputs):
        ranges = [(0, limit, 1) for limit in shape]
        ranges[axis] = (place, 1, 1)
        _sliced(context, position, op, ranges, index)


def pack(context: Context, position: int, op: FileOperator) -> None:
    """PACK: each input with a new axis of 1, joined along it."""
    check_operands(op, position, (1, LARGEST))
    output = op.outputs[0]
    shape = context.file.tensors[output].shape
    axis = _axis(position, op, int(op.options["axis"]), len(shape))
    part = [*shape[:axis], 1, *shape[axis + 1 :]]
    dropped = context.dropped(output)
    name = node_name(position, op)
    parts = []
    for k, index in enumerate(op.inputs):
        source = context.computed(index)
        if prod(part) != prod(context.builder.shape(source)):
            raise damaged(position, op, f"input {k} does not become {part}")
        parts.append(context.reshaped(f"{name}/part{k}", source, tuple(part[dropped:])))
    _joined(context, position, op, parts, axis - dropped)


def concat(context: Context, position: int, op: FileOperator) -> None:
    """CONCATENATION of activations and constants of one meaning."""
    check_operands(op, position, (1, LARGEST))
    if context.dtype(op.outputs[0]) != U8:
        same_meaning(context, position, op, list(op.inputs))
    if op.options["activation"] != NONE:
        raise unsupported(position, op, "joins without a fused activation")
    output = op.outputs[0]
    axis = _axis(position, op, int(op.options["axis"]), len(context.file.tensors[output].shape))
    rank = len(context.sample_shape(output))
    parts = [
        _brought(context, position, op, k, context.operand(index, rank))
        for k, index in enumerate(op.inputs)
    ]
    _joined(context, position, op, parts, axis - context.dropped(output))


def _brought(context: Context, position: int, op: FileOperator, place: int, part: str) -> str:
    """``part``, which is input ``place``, in the output's steps: uint8 ones may differ."""
    source, output = (context.facts(index) for index in (op.inputs[place], op.outputs[0]))
    if source == output:
        return part
    name = f"{node_name(position, op)}/part{place}"
    entries = context.builder.constant(f"{name}/table", rescale_table(source, output), U8)
    return context.builder.add(Lookup(name, part, entries, name), U8, output)


def _joined(context: Context, position: int, op: FileOperator, parts: list[str], axis: int) -> None:
    if axis < 0:  # Along a batch of 1 there is one part, and nothing to join.
        _reshape_into(context, position, op, parts[0], op.outputs[0])
        return
    target = context.names[op.outputs[0]]
    context.add(op.outputs[0], Concat(node_name(position, op), tuple(parts), target, axis))


def transpose(context: Context, position: int, op: FileOperator) -> None:
    """TRANSPOSE; the batch of 1 may go anywhere, as it orders nothing."""
    check_operands(op, position, (2, 2))
    axes = _integers(context, position, op, op.inputs[1])
    source = context.computed(op.inputs[0])
    rank = len(context.file.tensors[op.inputs[0]].shape)
    if sorted(axes) != list(range(rank)):
        raise damaged(position, op, f"{axes} permutes no {rank} axes")
    dropped = context.dropped(op.inputs[0])
    axes = [axis - dropped for axis in axes if axis >= dropped]
    shape = tuple(context.builder.shape(source)[axis] for axis in axes)
    name, target = node_name(position, op), context.names[op.outputs[0]]
    if shape == context.sample_shape(op.outputs[0]):
        context.add(op.outputs[0], Transpose(name, source, target, tuple(axes)))
        return
    moved = Transpose(name, source, f"{name}/moved", tuple(axes))
    facts, dtype = context.facts(op.inputs[0]), context.dtype(op.inputs[0])
    _reshape_into(context, position, op, context.builder.add(moved, dtype, facts), op.outputs[0])


def depth_to_space(context: Context, position: int, op: FileOperator) -> None:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH: rows and columns of a block from channels, or back."""
    check_operands(op, position, (1, 1))
    source, block = context.computed(op.inputs[0]), size_option(op, "block")
    height, width, channels = map_shape(context, source, position, op)
    deep = op.code == "DEPTH_TO_SPACE"
    if channels % block**2 if deep else height % block or width % block:
        raise damaged(position, op, f"blocks of {block} in {(height, width, channels)}")
    # A block's columns lie side by side in either order: only its rows move.
    if deep:
        parts: Shape = (height, width, block, channels // block)
    else:
        parts = (height // block, block, width // block, block * channels)
    name, facts = node_name(position, op), context.facts(op.inputs[0])
    apart = context.reshaped(f"{name}/parts", source, parts)
    turned = Transpose(f"{name}/turned", apart, f"{name}/turned", (0, 2, 1, 3))
    moved = context.builder.add(turned, context.dtype(op.inputs[0]), facts)
    _reshape_into(context, position, op, moved, op.outputs[0])


def reverse(context: Context, position: int, op: FileOperator) -> None:
    """REVERSE_V2: a slice that runs backwards along the axes given."""
    check_operands(op, position, (2, 2))
    source = context.computed(op.inputs[0])
    shape, dropped = context.builder.shape(source), context.dropped(op.inputs[0])
    rank = len(shape) + dropped
    axes = _integers(context, position, op, op.inputs[1])
    turned = {_axis(position, op, axis, rank) - dropped for axis in axes}
    begin = tuple(size - 1 if k in turned else 0 for k, size in enumerate(shape))
    stride = tuple(-1 if k in turned else 1 for k in range(len(shape)))
    name, target = node_name(position, op), context.names[op.outputs[0]]
    context.add(op.outputs[0], Slice(name, source, target, begin, shape, stride))


def resize_nearest(context: Context, position: int, op: FileOperator) -> None:
    """RESIZE_NEAREST_NEIGHBOR, in all of its conventions."""
    check_operands(op, position, (2, 2))
    source = context.computed(op.inputs[0])
    before, after = context.builder.shape(source), context.sample_shape(op.outputs[0])
    if len(before) != 3 or len(after) != 3:
        raise unsupported(position, op, "resize one map (1, H, W, C)")
    if max(after) > LARGEST:
        raise damaged(position, op, f"resizes to {after}")
    align, centres = (bool(op.options[key]) for key in ("align_corners", "half_pixel_centers"))
    rows, columns = (nearest(before[k], after[k], align=align, centres=centres) for k in range(2))
    name, target = node_name(position, op), context.names[op.outputs[0]]
    context.add(op.outputs[0], ResizeNearest(name, source, target, rows, columns))


def pad(context: Context, position: int, op: FileOperator) -> None:
    """PAD and PADV2: rows and columns of a map at once, any other axis as the columns of a map
    of its own."""
    check_operands(op, position, (2, 3))
    same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    name = f"{node_name(position, op)}: padding"
    amounts = constant(context, op.inputs[1], (INT32, INT64), name)
    shape, dropped = context.builder.shape(source), context.dropped(op.inputs[0])
    if amounts.shape != (len(shape) + dropped, 2) or amounts[:dropped].any():
        raise unsupported(position, op, "pad rows, columns or channels, not the batch")
    if amounts.min() < 0 or amounts.max() > LARGEST:
        raise damaged(position, op, f"pads by {amounts.max()}")
    value = context.facts(op.inputs[0]).zero_point
    if len(op.inputs) == 3:
        value = scalar(context, position, op, op.inputs[2], op.inputs[0])
    pairs: list[tuple[int, int]] = [(int(a), int(b)) for a, b in amounts[dropped:]]
    if len(shape) == 3 and pairs[2] == (0, 0):
        border = Padding(*pairs[0], *pairs[1])
        target = context.names[op.outputs[0]]
        context.add(op.outputs[0], Pad(node_name(position, op), source, target, border, value))
        return
    source = _padded_by_axis(context, position, op, source, pairs, value)
    _reshape_into(context, position, op, source, op.outputs[0])


def _padded_by_axis(
    context: Context,
    position: int,
    op: FileOperator,
    source: str,
    pairs: list[tuple[int, int]],
    value: int,
) -> str:
    facts, dtype = context.facts(op.inputs[0]), context.dtype(op.inputs[0])
    shape: Shape = context.builder.shape(source)
    for axis, (before, after) in enumerate(pairs):
        if not before + after:
            continue
        name = f"{node_name(position, op)}/axis{axis}"
        as_map = (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
        wide = context.reshaped(f"{name}/map", source, as_map)
        border = Padding(left=before, right=after)
        source = context.builder.add(Pad(name, wide, name, border, value), dtype, facts)
        shape = (*shape[:axis], shape[axis] + before + after, *shape[axis + 1 :])
    return source
