"""What ``hwkit tune`` tried: integer accuracy against each measured cost, and all figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hwkit.report.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    across_scale,
    grid,
    up_scale,
)
from hwkit.report.elements import Column, badge, chip, note, section, table
from hwkit.report.markup import Child, Markup, join, tag
from hwkit.report.numbers import NONE, byte_size, count, milliseconds, percent, signed_percent
from hwkit.report.summary import Tried, Tuning

_SIZE = 5.0

COSTS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "latency_cycles": ("Cycles", count),
    "latency_us": ("Time", milliseconds),
    "flash_bytes": ("Flash", lambda value: byte_size(round(value))),
    "sram_bytes": ("SRAM", lambda value: byte_size(round(value))),
    "lut": ("LUTs", count),
}
"""Title and text of each, by the keys of ``allocate.budget.Budget``."""


def tuning(found: Tuning | None) -> Markup | None:
    """For each board the plots and the table."""
    if found is None:
        return None
    parts = [_board(found, board, asked) for board, asked in found.asked.items()]
    return section("tuning", "Tuning", *parts)


def _board(found: Tuning, board: str, asked: str) -> Markup:
    tried = [one for one in found.tried if one.board == board]
    chosen = found.chosen.get(board)
    verdict = chip("holds", "good") if chosen else chip("does not hold", "bad")
    heading = tag("h3", f"{found.network} on {board} ", *_evidence(tried))
    asked_for = tag("p", "Asked for: ", tag("code", asked), " ", verdict)
    drawn = plots(tried, chosen, found.limits.get(board, {}))
    return join(heading, asked_for, drawn, figures(tried, chosen))


def _evidence(tried: Sequence[Tried]) -> list[Markup]:
    kinds = {one.state.evidence for one in tried}
    return [badge(kind) for kind in sorted(kinds)]


_LEGEND = (
    "Squares: one width for all layers. Circles: plans of the loop, in order; filled: the one "
    "that was kept. The line joins what no other beats in both accuracy and cost; the dashed "
    "one is the limit."
)


def plots(
    tried: Sequence[Tried],
    chosen: str | None,
    limits: Mapping[str, float],
    legend: str = _LEGEND,
) -> Markup | None:
    """Accuracy upwards, a cost to the right, one plot for each cost that differs: squares are
    what is compared with, circles the plans of the loop by number, the line joins what nothing
    beats, and a dashed one is the limit."""
    costs = [one.state.figures() for one in tried]
    drawn = [
        _plot(key, [Point(one, one.state.figures()[key]) for one in tried], chosen,
              _limit(key, limits, costs))
        for key in COSTS
        if _is_drawn(key, costs) and all(one.state.accuracy is not None for one in tried)
    ]  # fmt: skip
    if not drawn:
        return None
    return join(tag("div", *drawn, class_="plots"), note(legend))


def _is_drawn(key: str, figures: Sequence[Mapping[str, float]]) -> bool:
    """Costs that all have and that differ; time only where there are no cycles."""
    if key == "latency_us" and all("latency_cycles" in one for one in figures):
        return False
    return all(key in one for one in figures) and len({one[key] for one in figures}) > 1


def _limit(
    key: str, limits: Mapping[str, float], figures: Sequence[Mapping[str, float]]
) -> float | None:
    """The limit of a cost; that of a time in cycles, by what a figure has of both."""
    if key == "latency_cycles" and "latency_us" in limits and "latency_us" in figures[0]:
        return limits["latency_us"] * figures[0][key] / figures[0]["latency_us"]
    return limits.get(key)


@dataclass(frozen=True, slots=True)
class Point:
    """One network in one plot."""

    of: Tried
    cost: float

    @property
    def accuracy(self) -> float:
        return self.of.state.accuracy or 0.0


def front(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats in both, cheapest first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.accuracy)):
        if not kept or point.accuracy > kept[-1].accuracy:
            kept.append(point)
    return kept


def _plot(key: str, points: Sequence[Point], chosen: str | None, limit: float | None) -> Markup:
    title, shown = COSTS[key]
    costs = [p.cost for p in points]
    # A limit far off would press the points together.
    near = limit is not None and limit <= 2 * max(costs) - min(costs)
    across = across_scale([*costs, *([limit] if near and limit else [])])
    up = up_scale([p.accuracy for p in points])
    line = " ".join(f"{across.at(p.cost)},{up.at(p.accuracy)}" for p in front(points))
    together: dict[tuple[float, float], list[Point]] = {}
    for point in points:
        together.setdefault((across.at(point.cost), up.at(point.accuracy)), []).append(point)
    marks = [_mark(place, here, chosen, shown) for place, here in together.items()]
    drawing = tag(
        "svg",
        tag("title", f"Integer accuracy against {title}"),
        tag("g", *grid(across, up, shown), class_="grid"),
        _limit_line(across, limit, shown) if near and limit else None,
        tag("polyline", points=line, class_="front"),
        *marks,
        tag("text", title, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, class_="axis"),
        role="img",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
    )
    return tag("figure", drawing, tag("figcaption", f"Integer accuracy against {title.lower()}"))


def _limit_line(across: Scale, limit: float, shown: Callable[[float], str]) -> Markup:
    x = across.at(limit)
    line = tag("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="limit")
    return tag("g", tag("title", f"limit {shown(limit)}"), line)


def _mark(
    place: tuple[float, float],
    points: Sequence[Point],
    chosen: str | None,
    shown: Callable[[float], str],
) -> Markup:
    """One mark for all ``points`` that lie in one place; a plan hides uniform widths."""
    x, y = place
    about = "; ".join(f"{p.of.title}: {percent(p.accuracy, 2)}, {shown(p.cost)}" for p in points)
    names = [_short(point.of) for point in points]
    label = tag("text", ", ".join(dict.fromkeys(names)), x=x, y=y - 9)
    plans = [point for point in points if point.of.kind == "plan"]
    if plans:
        mark = tag("circle", cx=x, cy=y, r=_SIZE + 0.5)
    else:
        mark = tag("rect", x=x - _SIZE, y=y - _SIZE, width=2 * _SIZE, height=2 * _SIZE)
    kind = "plan" if plans else "uniform"
    if any(point.of.title == chosen for point in plans):
        kind = "chosen"
    return tag("g", tag("title", about), mark, label, class_=f"mark {kind}")


def _short(one: Tried) -> str:
    """``8 bits`` of "all 8 bits", ``2`` of "plan 2"."""
    return one.title.removeprefix("all ").removeprefix("plan ").removeprefix("network ")


def figures(tried: Sequence[Tried], chosen: str | None) -> Markup:
    """The table of all that was tried."""
    keys = [key for key in COSTS if any(key in one.state.figures() for one in tried)]
    columns = [
        Column("Network"),
        Column("Weights", minor=True),
        Column("Activations", minor=True),
        Column("Accuracy, integer", number=True),
        *(Column(COSTS[key][0], number=True) for key in keys),
        Column("Error of the prediction", number=True, minor=True),
        Column("Budget"),
    ]
    rows: list[list[Child]] = []
    for one in tried:
        figures = one.state.figures()
        costs = [COSTS[key][1](figures[key]) if key in figures else NONE for key in keys]
        name: Child = one.title if one.title != chosen else tag("strong", one.title)
        rows.append([
            name,
            _widths(one.state.weight_bits),
            _widths(one.state.activation_bits) if one.state.activation_bits else NONE,
            percent(one.state.accuracy, 2),
            *costs,
            _errors(one, keys),
            NONE if one.holds is None else chip("holds" if one.holds else "does not hold",
                                                "good" if one.holds else "bad"),
        ])  # fmt: skip
    return table("All that was tried, in order", columns, rows)


def _widths(bits: Mapping[str, int]) -> str:
    """``8 4 4 2`` in the order of the layers, ``8`` where all are the same."""
    values = list(bits.values())
    return str(values[0]) if len(set(values)) == 1 else " ".join(map(str, values))


def _errors(one: Tried, keys: Sequence[str]) -> str:
    figures = one.state.figures()
    shown = [
        f"{COSTS[key][0].lower()} {signed_percent(one.predicted[key], figures[key])}"
        for key in keys
        if key in one.predicted and key in figures and key != "latency_us"
    ]
    return ", ".join(shown) or NONE
