"""Tensors along their axes, by views of at most four: parts, repetitions, permutations.

A graph's tensors have at most four axes. One of the file that has more is held with its leading
axes merged; integers in row-major order are the same under either shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from hwkit.importers.tflite.context import Context
from hwkit.ir.ops import Concat, Op, ResizeNearest, Slice, Transpose
from hwkit.ir.types import Shape

_MOST_PARTS = 8
"""Slices that are joined; more are read by a list of places."""


def taken(
    context: Context, name: str, source: str, shape: Shape, axis: int, places: Sequence[int]
) -> str:
    """``source``, of ``shape``, with the given places along ``axis``: nodes called after ``name``.

    Places in steps of one size are a slice, a few such runs are joined, others read one by one.
    """
    runs = _runs(places)
    outer, size, inner = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
    view = context.reshaped(f"{name}/view", source, (outer, size, inner))
    if len(runs) > _MOST_PARTS:
        nearest = ResizeNearest(name, view, name, tuple(range(outer)), tuple(places))
        return _added(context, nearest, view)
    parts = []
    for k, (first, count, step) in enumerate(runs):
        part = name if len(runs) == 1 else f"{name}/{k}"
        if (first, count, step) == (0, size, 1):
            parts.append(view)
        else:
            run = Slice(part, view, part, (0, first, 0), (outer, count, inner), (1, step, 1))
            parts.append(_added(context, run, view))
    return (
        parts[0] if len(parts) == 1 else _added(context, Concat(name, tuple(parts), name, 1), view)
    )


def _added(context: Context, op: Op, like: str) -> str:
    tensor = context.builder.tensors[like]
    return context.builder.add(op, tensor.dtype, tensor.quantization)


def _runs(places: Sequence[int]) -> list[tuple[int, int, int]]:
    """First, count and step of each part of ``places`` that is in steps of one size.

    Example: 2, 1, 0, 1, 2 is 2, 1, 0 in steps of -1 and 1, 2 in steps of 1.
    """
    runs: list[tuple[int, int, int]] = []
    k = 0
    while k < len(places):
        step = places[k + 1] - places[k] if k + 1 < len(places) else 1
        count = 1
        while step and k + count < len(places) and places[k + count] - places[k] == step * count:
            count += 1
        runs.append((places[k], count, step if count > 1 else 1))
        k += count
    return runs


def permuted(context: Context, name: str, source: str, shape: Shape, order: Sequence[int]) -> str:
    """``source``, of ``shape``, with its axes in ``order``: one transpose where the axes that stay
    together make at most four, else one for each block that moves."""
    blocks = _blocks(shape, order)
    sizes = [prod(shape[axis] for axis in block) for block in sorted(blocks)]
    rank = {block: k for k, block in enumerate(sorted(blocks))}
    wanted = [rank[block] for block in blocks]
    if len(sizes) <= 4:
        return _transposed(context, name, source, tuple(sizes), tuple(wanted))
    present = list(range(len(sizes)))
    for place, axis in enumerate(wanted):
        at = present.index(axis)
        if at == place:
            continue
        before, between = present[:place], present[place:at]
        view = tuple(
            prod(sizes[k] for k in part) for part in (before, between, [axis], present[at + 1 :])
        )
        source = _transposed(context, f"{name}/{place}", source, view, (0, 2, 1, 3))
        present = [*before, axis, *between, *present[at + 1 :]]
    return source


def _transposed(
    context: Context, name: str, source: str, shape: Shape, order: tuple[int, ...]
) -> str:
    view = context.reshaped(f"{name}/view", source, shape)
    if order == tuple(range(len(order))):
        return view
    return _added(context, Transpose(name, view, name, order), view)


def _blocks(shape: Shape, order: Sequence[int]) -> list[tuple[int, ...]]:
    """The axes of ``order`` that follow each other there as in ``shape``, those of size 1 left
    out."""
    blocks: list[tuple[int, ...]] = []
    kept = [axis for axis in range(len(shape)) if shape[axis] != 1]
    after = dict(pairwise(kept))
    for axis in order:
        if shape[axis] == 1:
            continue
        if blocks and after.get(blocks[-1][-1]) == axis:
            blocks[-1] = (*blocks[-1], axis)
        else:
            blocks.append((axis,))
    return blocks or [(0,)]
