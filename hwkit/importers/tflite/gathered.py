""".tflite operators that read constant places of an axis: some twice, some never."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from hwkit.importers.tflite.axes import taken
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
from hwkit.importers.tflite.file import INT16, INT32, INT64, FileOperator
from hwkit.ir.ops import Reshape

_REFLECT, _SYMMETRIC = 0, 1


def _numbers(context: Context, position: int, op: FileOperator, place: int) -> list[int]:
    what = f"{node_name(position, op)}: input {place}"
    value = constant(context, op.inputs[place], (INT32, INT64, INT16), what)
    return [int(number) for number in value.reshape(-1)]


def _add(
    context: Context, position: int, op: FileOperator, places: Sequence[Sequence[int]]
) -> None:
    """The output: ``places[k]`` of the input's axis ``k``, of the file's axes."""
    same_meaning(context, position, op, [op.inputs[0]])
    source, name = context.computed(op.inputs[0]), node_name(position, op)
    shape = list(context.file.tensors[op.inputs[0]].shape)
    shape = [1] * (len(places) - len(shape)) + shape
    if prod(map(len, places)) != prod(context.file.tensors[op.outputs[0]].shape):
        raise damaged(position, op, f"{shape} does not become what is declared")
    for axis, of in enumerate(places):
        if list(of) != list(range(shape[axis])):
            source = taken(context, f"{name}/axis{axis}", source, tuple(shape), axis, of)
            shape[axis] = len(of)
    context.add(op.outputs[0], Reshape(name, source, context.names[op.outputs[0]]))


def tile(context: Context, position: int, op: FileOperator) -> None:
    """TILE: every axis from its start again, as often as is said."""
    check_operands(op, position, (2, 2))
    shape, times = context.file.tensors[op.inputs[0]].shape, _numbers(context, position, op, 1)
    if len(times) != len(shape) or not all(1 <= n <= LARGEST for n in times):
        raise damaged(position, op, f"{times[:8]} times {shape}")
    _check_size(position, op, [n * t for n, t in zip(shape, times, strict=True)])
    _add(context, position, op, [list(range(n)) * t for n, t in zip(shape, times, strict=True)])


def _check_size(position: int, op: FileOperator, shape: Sequence[int]) -> None:
    if max(shape, default=1) > LARGEST:
        raise damaged(position, op, f"gives {shape}")


def gather(context: Context, position: int, op: FileOperator) -> None:
    """GATHER by constant indices."""
    check_operands(op, position, (2, 2))
    if op.options["batch_dims"]:
        raise unsupported(
            position, op, "indices of each batch by itself; gather without batch_dims"
        )
    shape = context.file.tensors[op.inputs[0]].shape
    axis, indices = int(op.options["axis"]), _numbers(context, position, op, 1)
    if not -len(shape) <= axis < len(shape):
        raise damaged(position, op, f"axis {axis} of {len(shape)}")
    axis %= len(shape)
    if not indices or min(indices) < 0 or max(indices) >= shape[axis]:
        raise damaged(position, op, f"indices {indices[:8]} of {shape[axis]}")
    places = [list(range(n)) for n in shape]
    places[axis] = indices
    _add(context, position, op, places)


def mirror_pad(context: Context, position: int, op: FileOperator) -> None:
    """MIRROR_PAD: the border mirrored, its last integers twice or once."""
    check_operands(op, position, (2, 2))
    shape, amounts = context.file.tensors[op.inputs[0]].shape, _numbers(context, position, op, 1)
    if op.options["mode"] not in (_REFLECT, _SYMMETRIC) or len(amounts) != 2 * len(shape):
        raise damaged(position, op, f"mode {op.options['mode']}, {len(amounts)} amounts of {shape}")
    once = int(op.options["mode"] == _REFLECT)
    places = []
    for n, before, after in zip(shape, amounts[::2], amounts[1::2], strict=True):
        if not 0 <= max(before, after) <= n - once or min(before, after) < 0:
            raise damaged(position, op, f"a border of {max(before, after)} around {n}")
        first = [k + once - 1 for k in range(before, 0, -1)]
        places.append([*first, *range(n), *(n - once - k for k in range(1, after + 1))])
    _add(context, position, op, places)


def broadcast_to(context: Context, position: int, op: FileOperator) -> None:
    """BROADCAST_TO: sizes of 1 repeated."""
    check_operands(op, position, (2, 2))
    shape, after = context.file.tensors[op.inputs[0]].shape, _numbers(context, position, op, 1)
    shape = (1,) * (len(after) - len(shape)) + shape
    _check_size(position, op, after)
    if len(shape) != len(after) or any(n not in (1, m) for n, m in zip(shape, after, strict=True)):
        raise damaged(position, op, f"{shape} does not become {after}")
    places = [[0] * m if n == 1 else list(range(n)) for n, m in zip(shape, after, strict=True)]
    _add(context, position, op, places)
