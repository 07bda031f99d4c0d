"""Several maps in one inference: each by itself, and places that are dealt out to maps."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from hwkit.importers.tflite.axes import permuted, taken
from hwkit.importers.tflite.context import (
    LARGEST,
    Context,
    check_operands,
    constant,
    damaged,
    node_name,
    unsupported,
)
from hwkit.importers.tflite.elementwise import same_meaning
from hwkit.importers.tflite.file import INT32, INT64, FileOperator
from hwkit.ir.ops import Clamp, Concat, Op, Pad, Padding, Reshape
from hwkit.ir.types import Shape

_MOST_MAPS = 64
"""Maps of one inference, each of which takes nodes of its own."""


def map_of(context: Context, source: str, position: int, op: FileOperator) -> Shape:
    """Shape (H, W, C) of the map, or of each map, that ``op`` reads; ``UnsupportedOp`` for another
    rank."""
    shape = context.builder.shape(source)
    if len(shape) == 4 and shape[0] <= _MOST_MAPS:
        return shape[1:]
    if len(shape) != 3:
        raise unsupported(
            position, op, f"it reads maps (N, H, W, C), N up to {_MOST_MAPS}, not {shape}"
        )
    return shape


def add_by_map(
    context: Context,
    position: int,
    op: FileOperator,
    source: str,
    make: Callable[[str, str, str], Op],
    limits: tuple[int, int] | None = None,
) -> None:
    """The operator's output: of each map of ``source`` what ``make(name, input, output)`` gives,
    clamped to ``limits``."""
    name, output = node_name(position, op), op.outputs[0]
    target, facts, dtype = context.names[output], context.facts(output), context.dtype(output)
    raw = target if limits is None else f"{name}/unclamped"
    node = _of_maps(context, name, source, raw, op, make)
    if limits is None:
        context.add(output, node)
        return
    unclamped = context.builder.add(node, dtype, facts)
    context.add(output, Clamp(f"{name}/clamp", unclamped, target, *limits))


def _of_maps(
    context: Context,
    name: str,
    source: str,
    target: str,
    op: FileOperator,
    make: Callable[[str, str, str], Op],
) -> Op:
    """The last node, which gives ``target``."""
    shape = context.builder.shape(source)
    if len(shape) == 3:
        return make(name, source, target)
    facts, dtype = context.facts(op.outputs[0]), context.dtype(op.outputs[0])
    parts = []
    for k in range(shape[0]):
        own = taken(context, f"{name}/map{k}/input", source, shape, 0, [k])
        own = context.reshaped(f"{name}/map{k}/alone", own, shape[1:])
        made = context.builder.add(make(f"{name}/map{k}", own, f"{name}/map{k}"), dtype, facts)
        after = (1, *context.builder.shape(made))
        parts.append(context.reshaped(f"{name}/map{k}/of_all", made, after))
    return Concat(name, tuple(parts), target, 0)


def _numbers(context: Context, position: int, op: FileOperator, place: int) -> list[int]:
    what = f"{node_name(position, op)}: input {place}"
    value = constant(context, op.inputs[place], (INT32, INT64), what)
    return [int(number) for number in value.reshape(-1)]


def _blocks(
    context: Context, position: int, op: FileOperator
) -> tuple[list[int], list[int], list[int]]:
    """Blocks, and what is put or cut before and behind each of their axes."""
    check_operands(op, position, (3, 3))
    same_meaning(context, position, op, [op.inputs[0]])
    blocks, borders = (_numbers(context, position, op, place) for place in (1, 2))
    rank = len(context.file.tensors[op.inputs[0]].shape)
    if not 0 < len(blocks) < rank or len(borders) != 2 * len(blocks):
        raise damaged(position, op, f"{len(blocks)} blocks, {len(borders)} borders, {rank} axes")
    if min(blocks) < 1 or min(borders) < 0 or max(*blocks, *borders) > LARGEST:
        raise damaged(position, op, f"blocks {blocks}, borders {borders}")
    return blocks, borders[::2], borders[1::2]


def space_to_batch(context: Context, position: int, op: FileOperator) -> None:
    """SPACE_TO_BATCH_ND: the places of each block to maps of their own. What is around is the zero
    point, as in LiteRT; TFLM takes what it finds in memory."""
    blocks, before, after = _blocks(context, position, op)
    name, facts = node_name(position, op), context.facts(op.inputs[0])
    source, dtype = context.computed(op.inputs[0]), context.dtype(op.inputs[0])
    shape = list(context.file.tensors[op.inputs[0]].shape)
    for axis, (first, last) in enumerate(zip(before, after, strict=True), start=1):
        if not first + last:
            continue
        view = (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
        wide = context.reshaped(f"{name}/axis{axis}/view", source, view)
        border = Padding(left=first, right=last)
        pad = Pad(f"{name}/axis{axis}", wide, f"{name}/axis{axis}", border, facts.zero_point)
        source = context.builder.add(pad, dtype, facts)
        shape[axis] += first + last
    count = len(blocks)
    if any(n % block for n, block in zip(shape[1:], blocks, strict=False)):
        raise damaged(position, op, f"blocks {blocks} of {tuple(shape[1:])}")
    parts = [
        n for size, block in zip(shape[1:], blocks, strict=False) for n in (size // block, block)
    ]
    whole = (shape[0], *parts, *shape[1 + count :])
    places = range(1, 2 * count + 1)
    order = [*places[1::2], 0, *places[::2], *range(2 * count + 1, len(whole))]
    _moved(context, position, op, source, whole, order)


def batch_to_space(context: Context, position: int, op: FileOperator) -> None:
    """BATCH_TO_SPACE_ND: back, with borders cut off."""
    blocks, before, after = _blocks(context, position, op)
    name, shape = node_name(position, op), context.file.tensors[op.inputs[0]].shape
    count, source = len(blocks), context.computed(op.inputs[0])
    if shape[0] % prod(blocks):
        raise damaged(position, op, f"{shape[0]} maps for blocks {blocks}")
    batch = shape[0] // prod(blocks)
    whole = (*blocks, batch, *shape[1:])
    pairs = [axis for k in range(count) for axis in (count + 1 + k, k)]
    order = [count, *pairs, *range(2 * count + 1, len(whole))]
    source = permuted(context, f"{name}/moved", source, whole, order)
    sizes = [batch, *(n * b for n, b in zip(shape[1:], blocks, strict=False)), *shape[1 + count :]]
    for axis, (first, last) in enumerate(zip(before, after, strict=True), start=1):
        left = sizes[axis] - first - last
        if left < 1:
            raise damaged(position, op, f"cuts {first} and {last} off {sizes[axis]}")
        if first + last:
            places = range(first, first + left)
            source = taken(context, f"{name}/axis{axis}", source, tuple(sizes), axis, places)
            sizes[axis] = left
    _shaped(context, position, op, source)


def _moved(
    context: Context, position: int, op: FileOperator, source: str, shape: Shape, order: list[int]
) -> None:
    moved = permuted(context, f"{node_name(position, op)}/moved", source, shape, order)
    _shaped(context, position, op, moved)


def _shaped(context: Context, position: int, op: FileOperator, source: str) -> None:
    output = op.outputs[0]
    if prod(context.builder.shape(source)) != prod(context.sample_shape(output)):
        shape = context.builder.shape(source)
        raise damaged(position, op, f"{shape} does not become {context.sample_shape(output)}")
    target = context.names[output]
    context.add(output, Reshape(f"{node_name(position, op)}/shape", source, target))
