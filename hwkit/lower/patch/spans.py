"""Which rows (or columns) of its inputs an op reads for some rows of its output.

Exact interval arithmetic along one axis of a map (H, W, C): axis 0 are the rows, 1 the columns.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TypeAlias

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    Mul,
    Op,
    Pad,
    Prelu,
    Requantize,
    ResizeNearest,
    Slice,
    Softmax,
    Sub,
    activations,
)
from hwkit.ir.shapes import extent
from hwkit.ir.traits import Windowed

_Local: TypeAlias = Add | Sub | Mul | Requantize | Clamp | Lookup | Prelu | Dense | Softmax | Concat
"""Each row of the output depends on the same row of every input alone."""


@dataclass(frozen=True, slots=True)
class Span:
    """The rows ``start`` up to but without ``stop``; ``len`` of them."""

    start: int
    stop: int

    def __len__(self) -> int:
        return max(self.stop - self.start, 0)

    def __or__(self, other: Span) -> Span:
        """The least span that holds both; an empty one adds nothing."""
        if not len(other):
            return self
        if not len(self):
            return other
        return Span(min(self.start, other.start), max(self.stop, other.stop))


@dataclass(frozen=True, slots=True)
class Read:
    """``rows`` that lie in the map, and how many rows of padding the windows see above (before)
    and below (after) them."""

    rows: Span
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """Rows of the input that rows of an op's output read: ``size`` rows in, ``made`` out; of a
    window ``stride``, ``before`` (padding above) and ``extent``; of a resize its ``rows``.

    In plain numbers, so that a search over thousands of stages is quick.
    """

    size: int
    made: int
    stride: int = 1
    before: int = 0
    extent: int = 1
    rows: tuple[int, ...] = ()

    def count(self, there: int) -> int:
        """How many rows of output, from the first, the first ``there`` rows of input allow.

        Example: a convolution 3 by 3, stride 2, padding 1 over 8 rows makes 0 rows of 1, 1 of 2 or
        3, 2 of 4, and all 4 of 8.
        """
        if self.rows:
            return bisect_left(self.rows, there)
        if there >= self.size:
            return self.made
        possible = (there + self.before - self.extent) // self.stride + 1
        return min(max(possible, 0), self.made)

    def read(self, start: int, stop: int) -> tuple[int, int]:
        """The rows of input for the rows ``start`` up to ``stop`` of output, if there are any."""
        if start >= stop:
            return 0, 0
        first, last = self._seen(start, stop)
        return max(first, 0), min(last, self.size)

    def lead(self, rows: int) -> int:
        """How many rows more than ``rows`` a first turn wants, so that each turn of ``rows`` rows
        leaves none that no window has read: of windows that step over as many rows as come.

        Example: a convolution 3 by 3, stride 2, padding 1 below alone, reads rows 0 to 2, 2 to 4,
        ...: one row more at first, and then two a turn.
        """
        if self.rows or self.stride < 2 or rows % self.stride:
            return 0
        return max(self.extent - self.before - self.stride, 0)

    def padded(self, start: int, stop: int) -> Read:
        """The same, and the padding seen beside them."""
        first, last = self._seen(start, stop)
        inside = Span(max(first, 0), min(last, self.size))
        return Read(inside, max(-first, 0), max(last - self.size, 0))

    def _seen(self, start: int, stop: int) -> tuple[int, int]:
        """With rows that lie in padding."""
        if self.rows:
            return self.rows[start], self.rows[stop - 1] + 1
        first = start * self.stride - self.before
        return first, first + (stop - 1 - start) * self.stride + self.extent


def reach_of(graph: Graph, op: Op, axis: int = 0) -> Reach | None:
    """None for an op that cannot be computed in parts along ``axis``."""
    if not can_tile(graph, op, axis):
        return None
    size = graph.tensors[activations(op)[0]].shape[axis]
    output = graph.tensors[op.output].shape[axis]
    if isinstance(op, ResizeNearest):
        return Reach(size, output, rows=(op.rows, op.columns)[axis])
    if not isinstance(op, Windowed):
        return Reach(size, output)
    extent = _extent(graph, op, axis)
    return Reach(size, output, op.stride[axis], _padding(op, axis)[0], extent)


def reads(graph: Graph, op: Op, rows: Span, axis: int = 0) -> Read:
    """What ``op`` reads of each of its activation inputs to compute ``rows`` of its output, which
    must not be empty.

    Raises ``GraphError`` for an op that cannot be computed in parts; ``can_tile`` asks first.
    Example: of a convolution 3 by 3, stride 2, padding 1 over 8 rows, output rows 0 and 1 read
    ``Read(Span(0, 4), before=1)``, output rows 2 and 3 read ``Read(Span(3, 8))``.
    """
    return _reach(graph, op, axis).padded(rows.start, rows.stop)


def made(graph: Graph, op: Op, there: int, axis: int = 0) -> int:
    """How many rows of its output, from the first, ``op`` can compute when the first ``there``
    rows of all its inputs have been computed; see ``Reach.count``."""
    return _reach(graph, op, axis).count(there)


def _reach(graph: Graph, op: Op, axis: int) -> Reach:
    reach = reach_of(graph, op, axis)
    if reach is None:
        raise GraphError(op.name, f"{type(op).__name__} cannot be computed in parts of its map")
    return reach


def can_tile(graph: Graph, op: Op, axis: int = 0) -> bool:
    """Whether parts of ``op``'s output along ``axis`` depend on parts of its inputs alone, each on
    one row at least: windows that never lie in padding alone, pads and slices along other axes,
    nearest resizing in order, and what treats each position alone (all operands being maps of one
    size, joins being along the channels)."""
    shapes = [graph.tensors[name].shape for name in (*activations(op), op.output)]
    if any(len(shape) != 3 for shape in shapes):
        return False
    match op:
        case Slice():
            # Rows as they are, some of their columns or channels.
            whole = (op.begin[axis], op.stride[axis]) == (0, 1)
            return whole and shapes[0][axis] == shapes[1][axis]
        case ResizeNearest():
            return all(list(found) == sorted(found) for found in (op.rows, op.columns))
        case Pad():
            return not max(_padding(op, axis))
        case _ if isinstance(op, Windowed):
            return max(_padding(op, axis)) < _extent(graph, op, axis)
        case Prelu() if graph.tensors[op.slope].shape[axis] > 1:
            return False
        case _:
            return isinstance(op, _Local) and len({shape[:2] for shape in shapes}) == 1


def _padding(op: Windowed | Pad, axis: int) -> tuple[int, int]:
    pad = op.padding
    return ((pad.top, pad.bottom), (pad.left, pad.right))[axis]


def _extent(graph: Graph, op: Windowed, axis: int) -> int:
    if isinstance(op, Conv2d | DepthwiseConv2d):
        return extent(graph.tensors[op.weight].shape[1 + axis], op.dilation[axis])
    return op.kernel[axis]
