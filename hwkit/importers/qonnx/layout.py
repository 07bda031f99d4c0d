"""Which axis of a graph's tensor is which of ONNX's.

The graph's own order is channels last: a map (C, H, W) of ONNX is (H, W, C) there, (C, W) is
(1, W, C). A tensor says in its layout, for each axis of the graph's, which axis of one of ONNX's
samples it is, or ``NONE`` for a size of 1 that ONNX does not have. Transposing, squeezing and
unsqueezing in the file then cost nothing: they rename axes. Only a reader that wants another order
makes a ``Transpose`` in the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwkit.ir.types import Array, Shape

NONE = -1
Layout = tuple[int, ...]

_DEFAULTS: dict[int, Layout] = {2: (NONE, 1, 0), 3: (1, 2, 0)}


def default_layout(rank: int) -> Layout:
    """Channels last. Example: ``default_layout(3)`` is (1, 2, 0)."""
    return _DEFAULTS.get(rank, tuple(range(rank)))


def in_order(rank: int) -> Layout:
    """The file's own order, as what works on the last axis wants it."""
    return tuple(range(rank))


def graph_shape(shape: Shape, layout: Layout) -> Shape:
    """The graph's shape of one sample of ONNX's ``shape``."""
    return tuple(1 if axis == NONE else shape[axis] for axis in layout)


def permuted(layout: Layout, permutation: Sequence[int]) -> Layout:
    """The layout behind a transposition of ONNX's axes.

    Example: (1, 2, 0) under (1, 2, 0), channels moved last, is (0, 1, 2).
    """
    place = {axis: k for k, axis in enumerate(permutation)}
    return tuple(NONE if axis == NONE else place[axis] for axis in layout)


def without(layout: Layout, dropped: set[int]) -> Layout:
    """The layout behind a squeeze of the axes ``dropped``, all of size 1."""
    kept = sorted(set(layout) - dropped - {NONE})
    place = {axis: k for k, axis in enumerate(kept)}
    return tuple(place.get(axis, NONE) for axis in layout)


def with_new(layout: Layout, new: set[int], rank: int) -> Layout:
    """The layout behind an unsqueeze that made ``new`` axes of ``rank``: they take places of size 1
    that the graph has, or come first."""
    old = iter(axis for axis in range(rank) if axis not in new)
    place = dict(enumerate(old))
    moved = [NONE if axis == NONE else place[axis] for axis in layout]
    for axis in sorted(new, reverse=True):
        if NONE in moved:
            moved[len(moved) - 1 - moved[::-1].index(NONE)] = axis
        else:
            moved.insert(0, axis)
    return tuple(moved)


def same_order(shape: Shape, one: Layout, other: Layout) -> bool:
    """Whether two layouts of ``shape`` hold their integers in one order; sizes of 1 have none."""
    first, second = (
        [axis for axis in layout if axis != NONE and shape[axis] > 1] for layout in (one, other)
    )
    return first == second


def to_file(x: Array, shape: Shape, layout: Layout) -> Array:
    """One sample in the graph's order as ONNX has it."""
    held = [axis for axis in layout if axis != NONE]
    core = x.reshape(tuple(shape[axis] for axis in held))
    return np.asarray(core.transpose(np.argsort(held)) if held else core).reshape(shape)


def to_graph(y: Array, shape: Shape, layout: Layout) -> Array:
    """One sample in ONNX's order as the graph has it."""
    held = [axis for axis in layout if axis != NONE]
    return np.asarray(y.reshape(shape).transpose(held)).reshape(graph_shape(shape, layout))
