"""Reshapes that only split axes or join neighbours, whatever the order of axes in the graph.

Rows and columns of a map become tokens, features become heads and parts of each: neither moves an
integer as long as the axes that are joined lie one behind the other in the graph, too.
"""

from __future__ import annotations

from hwkit.importers.qonnx.layout import NONE, Layout
from hwkit.ir.types import Shape

Segment = tuple[tuple[int, ...], tuple[int, ...]]
"""Axes of a shape and those of another that hold the same integers."""


def regrouped(layout: Layout, before: Shape, after: Shape) -> Layout | None:
    """The layout behind a reshape from ``before`` to ``after``; None where it moves integers.

    Example: a map (8, 5, 6) in layout (1, 2, 0) as (8, 30) has layout (1, 0).
    """
    held = [axis for axis in layout if axis != NONE and before[axis] > 1]
    found: list[int] = []
    runs = {old[0]: (old, new) for old, new in _segments(before, after)}
    while held:
        run = runs.get(held[0])
        if run is None or tuple(held[: len(run[0])]) != run[0]:
            return None
        found += run[1]
        del held[: len(run[0])]
    ones = [axis for axis, size in enumerate(after) if size == 1]
    return (*ones, *found)


def _segments(before: Shape, after: Shape) -> list[Segment]:
    """The shortest runs of axes, those of size 1 left out, of which both have the same product.

    Example: (6, 4) and (2, 3, 4) give (0,), (0, 1) and (1,), (2,).
    """
    olds = [axis for axis, size in enumerate(before) if size > 1]
    news = [axis for axis, size in enumerate(after) if size > 1]
    segments: list[Segment] = []
    while olds and news:
        old, new = [olds.pop(0)], [news.pop(0)]
        one, other = before[old[0]], after[new[0]]
        while one != other:
            if one < other:
                old.append(olds.pop(0))
                one *= before[old[-1]]
            else:
                new.append(news.pop(0))
                other *= after[new[-1]]
        segments.append((tuple(old), tuple(new)))
    return segments
