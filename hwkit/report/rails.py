"""The picture of the graph: rails beside the rows of the layer table, as in a commit log.

Each layer is a dot. An edge between neighbours runs straight; one that skips layers leaves to a
lane of its own and comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwkit.report.markup import Markup, tag

ROW_HEIGHT = 30
LANE_WIDTH = 14
MAX_LANES = 6
_DOT_X = 10


@dataclass(frozen=True, slots=True)
class Edge:
    """From row ``source`` to row ``target`` (source < target); ``lane`` 0 is the straight one."""

    source: int
    target: int
    lane: int


def edges(names: Sequence[str], inputs: Sequence[Sequence[str]]) -> list[Edge]:
    """Edges of a graph in topological order, each with a lane that no other uses meanwhile.

    Inputs that name no earlier layer (the graph's input) have no edge. Lanes beyond the sixth are
    shared, so that the picture stays narrow.
    """
    rows: dict[str, int] = {}
    found: list[Edge] = []
    busy_until: list[int] = []
    pairs = []
    for row, (name, read) in enumerate(zip(names, inputs, strict=True)):
        pairs += [(rows[source], row) for source in dict.fromkeys(read) if source in rows]
        rows[name] = row
    for source, target in sorted(pairs):
        if target == source + 1:
            found.append(Edge(source, target, 0))
            continue
        lane = next((i for i, end in enumerate(busy_until) if end <= source), len(busy_until))
        lane = min(lane, MAX_LANES - 1)
        busy_until[lane : lane + 1] = [target]
        found.append(Edge(source, target, lane + 1))
    return found


def rail(row: int, drawn: Sequence[Edge], label: str) -> Markup:
    """The cell of one row, ``ROW_HEIGHT`` high; ``label`` says in words what the row reads."""
    lanes = max((edge.lane for edge in drawn), default=0)
    paths = [tag("path", d=d) for edge in drawn if (d := _path(row, edge))]
    return tag(
        "svg",
        tag("title", label),
        *paths,
        tag("circle", cx=_DOT_X, cy=ROW_HEIGHT / 2, r=4),
        class_="rail",
        role="img",
        width=2 * _DOT_X + lanes * LANE_WIDTH,
        height=ROW_HEIGHT,
    )


def _path(row: int, edge: Edge) -> str:
    """What an edge draws in one row: half a line at its ends, a whole one between."""
    x, middle = _DOT_X + edge.lane * LANE_WIDTH, ROW_HEIGHT / 2
    if row == edge.source:
        return f"M{_DOT_X} {middle}C{x} {middle} {x} {middle} {x} {ROW_HEIGHT}"
    if row == edge.target:
        return f"M{x} 0C{x} {middle} {x} {middle} {_DOT_X} {middle}"
    return f"M{x} 0V{ROW_HEIGHT}" if edge.source < row < edge.target else ""
