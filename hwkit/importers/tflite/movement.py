""".tflite operators that move integers and compute nothing."""

from __future__ import annotations

from math import prod

from hwkit.importers.tflite.axes import permuted, taken
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
from hwkit.ir.ops import Concat, Lookup, Pad, Padding, Reshape, Slice, Transpose
from hwkit.ir.tflite import NONE
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
    if dropped and ranges and ranges[0][:2] != (0, 1):
        raise damaged(position, op, f"slices {ranges[0][:2]} of a batch of 1")
    kept = ranges[dropped:] or [(0, 1, 1)]
    name = f"{node_name(position, op)}/slice{index}"
    if len(kept) > len(context.builder.shape(source)):
        shape = list(context.file_shape(source_index))
        for axis, (first, count, step) in enumerate(kept):
            places = range(first, first + count * step, step)
            if places != range(shape[axis]):
                source = taken(context, f"{name}/axis{axis}", source, tuple(shape), axis, places)
                shape[axis] = count
        _reshape_into(context, position, op, source, index)
        return
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
    parts = []
    for k, index in enumerate(op.inputs):
        parts.append(context.computed(index))
        if prod(part) != prod(context.builder.shape(parts[-1])):
            raise damaged(position, op, f"input {k} does not become {part}")
    _joined(context, position, op, parts, axis)


def concat(context: Context, position: int, op: FileOperator) -> None:
    """CONCATENATION of activations and constants of one meaning."""
    check_operands(op, position, (1, LARGEST))
    if context.dtype(op.outputs[0]) != U8:
        same_meaning(context, position, op, list(op.inputs))
    if op.options["activation"] != NONE:
        raise unsupported(position, op, "joins without a fused activation")
    output = op.outputs[0]
    axis = _axis(position, op, int(op.options["axis"]), len(context.file.tensors[output].shape))
    parts = [
        _brought(context, position, op, k, context.computed(index))
        for k, index in enumerate(op.inputs)
    ]
    _joined(context, position, op, parts, axis)


def _brought(context: Context, position: int, op: FileOperator, place: int, part: str) -> str:
    """``part``, which is input ``place``, in the output's steps: uint8 ones may differ."""
    source, output = (context.facts(index) for index in (op.inputs[place], op.outputs[0]))
    if source == output:
        return part
    name = f"{node_name(position, op)}/part{place}"
    entries = context.builder.constant(f"{name}/table", rescale_table(source, output), U8)
    return context.builder.add(Lookup(name, part, entries, name), U8, output)


def _joined(context: Context, position: int, op: FileOperator, parts: list[str], axis: int) -> None:
    """The output from ``parts`` along ``axis`` of the file's: parts have its other axes."""
    output, name = op.outputs[0], node_name(position, op)
    shape, dropped = context.file.tensors[output].shape, context.dropped(output)
    if dropped and not axis and len(parts) == 1:
        _reshape_into(context, position, op, parts[0], output)
        return
    outer, inner = prod(shape[:axis]), prod(shape[axis + 1 :])
    rest = shape[dropped:axis], shape[axis + 1 :]
    flat = len(shape) - dropped > len(context.sample_shape(output)) or axis < dropped
    views = []
    for k, part in enumerate(parts):
        held_integers = prod(context.builder.shape(part))
        if held_integers % (outer * inner):
            raise damaged(position, op, f"input {k} of {held_integers} integers along axis {axis}")
        size = held_integers // (outer * inner)
        view = (outer, size, inner) if flat else (*rest[0], size, *rest[1])
        views.append(context.reshaped(f"{name}/part{k}", part, view))
    if flat:
        facts, dtype = context.facts(output), context.dtype(output)
        whole = context.builder.add(Concat(name, tuple(views), name, 1), dtype, facts)
        _reshape_into(context, position, op, whole, output)
        return
    target = context.names[output]
    context.add(output, Concat(name, tuple(views), target, axis - dropped))


def transpose(context: Context, position: int, op: FileOperator) -> None:
    """TRANSPOSE; the batch of 1 may go anywhere, as it orders nothing."""
    check_operands(op, position, (2, 2))
    axes = _integers(context, position, op, op.inputs[1])
    source, shape = context.computed(op.inputs[0]), context.file.tensors[op.inputs[0]].shape
    if sorted(axes) != list(range(len(shape))):
        raise damaged(position, op, f"{axes} permutes no {len(shape)} axes")
    if context.file.tensors[op.outputs[0]].shape != tuple(shape[axis] for axis in axes):
        raise damaged(position, op, f"{axes} of {shape} is another shape than is declared")
    dropped, target = context.dropped(op.inputs[0]), context.names[op.outputs[0]]
    kept = tuple(axis - dropped for axis in axes if axis >= dropped)
    plain = len(kept) <= len(context.builder.shape(source))
    if plain and tuple(shape[k + dropped] for k in kept) == context.sample_shape(op.outputs[0]):
        context.add(op.outputs[0], Transpose(node_name(position, op), source, target, kept))
        return
    moved = permuted(context, f"{node_name(position, op)}/moved", source, shape, axes)
    _reshape_into(context, position, op, moved, op.outputs[0])


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
    shape = context.file.tensors[op.inputs[0]].shape
    axes = _integers(context, position, op, op.inputs[1])
    turned = {_axis(position, op, axis, len(shape)) for axis in axes}
    ranges = [(n - 1, n, -1) if k in turned else (0, n, 1) for k, n in enumerate(shape)]
    if context.dropped(op.inputs[0]):
        ranges[0] = (0, 1, 1)
    _sliced(context, position, op, ranges, op.outputs[0])


def pad(context: Context, position: int, op: FileOperator) -> None:
    """PAD and PADV2: rows and columns of a map at once, any other axis as the columns of a map
    of its own."""
    check_operands(op, position, (2, 3))
    same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    name = f"{node_name(position, op)}: padding"
    amounts = constant(context, op.inputs[1], (INT32, INT64), name)
    shape, dropped = context.file_shape(op.inputs[0]), context.dropped(op.inputs[0])
    if amounts.shape != (len(shape) + dropped, 2):
        raise damaged(position, op, f"{amounts.shape} amounts for {len(shape) + dropped} axes")
    if amounts[:dropped].any():
        shape, dropped = (1, *shape), 0
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
    source = _padded_by_axis(context, position, op, source, shape, pairs, value)
    _reshape_into(context, position, op, source, op.outputs[0])


def _padded_by_axis(
    context: Context,
    position: int,
    op: FileOperator,
    source: str,
    shape: Shape,
    pairs: list[tuple[int, int]],
    value: int,
) -> str:
    facts, dtype = context.facts(op.inputs[0]), context.dtype(op.inputs[0])
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
