"""Dense arrays from the sparse ones that pruned .tflite files hold.

A record walks the axes of the array, and of the blocks it may be cut into, in an order of its own.
Each level of that walk is dense (every place) or compressed (CSR: the places that hold something,
``segments`` saying which of them belong to each place of the level above).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from hwkit.errors import FormatError
from hwkit.ir.types import Array, Shape

_LARGEST = 1 << 26
"""Integers of a sparse constant when it is dense."""
_EMPTY_ROWS = 1 << 20
"""Places of a level that lead to no value."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """``size`` places, or, where it is compressed, its ``(segments, indices)``."""

    size: int
    compressed: tuple[Array, Array] | None


@dataclass(frozen=True, slots=True, eq=False)
class Sparsity:
    """``order`` names an axis for each level: the array's axes 0 to n-1, then those of its blocks;
    axis n+k cuts the array's axis ``block_map[k]`` into blocks."""

    order: tuple[int, ...]
    block_map: tuple[int, ...]
    levels: tuple[Level, ...]


def densified(values: Array, shape: Shape, record: Sparsity, where: str) -> Array:
    """``values`` at their places in an array of ``shape``, 0 elsewhere.

    ``FormatError`` naming ``where`` unless every field of the record agrees with every other.
    Example: values (7, 9), shape (2, 3), levels dense and CSR with segments (0, 1, 2) and indices
    (2, 0) give ((0, 0, 7), (9, 0, 0)).
    """
    sizes = _sizes(shape, record, where)
    places = [np.zeros(1, np.int64)]
    for level, size in zip(record.levels, sizes, strict=True):
        count = len(places[0])
        if level.compressed is None:
            if count * size > len(values) + _EMPTY_ROWS:
                raise _damaged(where, f"{len(values)} values for {count * size} places or more")
            repeats: Array | int = size
            coordinate = np.tile(np.arange(size), count)
        else:
            repeats, coordinate = _row_lengths(level.compressed, count, size, where)
        places = [np.repeat(axis, repeats) for axis in places] + [coordinate]
    if len(places[0]) != len(values):
        raise _damaged(where, f"{len(values)} values for {len(places[0])} places")
    at = [np.zeros(len(values), np.int64) for _ in shape]
    for axis, size, coordinate in sorted(
        zip(record.order, sizes, places[1:], strict=True), key=lambda level: level[0]
    ):
        inside = axis >= len(shape)
        axis = record.block_map[axis - len(shape)] if inside else axis
        at[axis] = at[axis] * (size if inside else 1) + coordinate
    dense = np.zeros(shape, values.dtype)
    dense[tuple(at)] = values
    return dense


def _sizes(shape: Shape, record: Sparsity, where: str) -> list[int]:
    """Places of each level, which the axes and the blocks leave no choice in."""
    rank, blocks = len(shape), record.block_map
    if not shape or prod(shape) > _LARGEST:
        raise _damaged(where, f"shape {shape}")
    if (
        sorted(record.order[:rank]) != list(range(rank))
        or sorted(record.order[rank:]) != list(range(rank, rank + len(blocks)))
        or len(record.levels) != rank + len(blocks)
    ):
        raise _damaged(where, f"order {record.order[:12]}, {len(record.levels)} levels")
    if list(blocks) != sorted(set(blocks)) or not set(blocks) <= set(range(rank)):
        raise _damaged(where, f"block map {blocks[:12]}")
    outer = list(shape)
    block_sizes = {}
    for axis, level in zip(record.order[rank:], record.levels[rank:], strict=True):
        cut = blocks[axis - rank]
        if level.compressed is not None or level.size < 1 or outer[cut] % level.size:
            raise _damaged(where, f"blocks of {level.size} along {outer[cut]}")
        block_sizes[axis] = level.size
        outer[cut] //= level.size
    sizes = [block_sizes[axis] if axis >= rank else outer[axis] for axis in record.order]
    for level, size in zip(record.levels, sizes, strict=True):
        if level.compressed is None and level.size != size:
            raise _damaged(where, f"a level of {level.size} places where the shape has {size}")
    return sizes


def _row_lengths(
    compressed: tuple[Array, Array], count: int, size: int, where: str
) -> tuple[Array, Array]:
    """Entries of each of the ``count`` places above, and the coordinates of all of them."""
    segments, indices = compressed
    lengths = np.diff(segments)
    if (
        len(segments) != count + 1
        or segments[0] != 0
        or segments[-1] != len(indices)
        or (lengths < 0).any()
    ):
        raise _damaged(where, f"{len(segments)} segments over {len(indices)} indices")
    if len(indices) and (indices.min() < 0 or indices.max() >= size):
        raise _damaged(where, f"an index {indices.max()} of {size}")
    rising = np.diff(indices) > 0
    rising[segments[1:-1][(segments[1:-1] > 0) & (segments[1:-1] < len(indices))] - 1] = True
    if not rising.all():
        raise _damaged(where, "indices that do not rise")
    return lengths, indices


def _damaged(where: str, what: str) -> FormatError:
    return FormatError(f"{where}: its sparsity record has {what}; damaged, copy it again")
