"""The run at a glance: every network on every board, and what accuracy costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hwkit.profile.measurement import Measurement
from hwkit.report.axes import HEIGHT, LEFT, RIGHT, WIDTH, across_scale, grid, up_scale
from hwkit.report.elements import Column, badge, chip, note, section, table
from hwkit.report.interval import wilson
from hwkit.report.markup import Child, Markup, join, tag
from hwkit.report.numbers import byte_size, count, milliseconds, percent
from hwkit.report.summary import Deploy, Exactness, Model, Summary

_ABREAST = 5
"""Networks in a table: more of them go into another one, and none off the page."""
_LABEL, _WIDE = 14, 120
"""Height of a label, and how wide most are."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """What is known of a network on a board."""

    model: Model | None
    exact: Exactness | None
    profile: Measurement | None
    deploy: Deploy | None

    @property
    def accuracy(self) -> float | None:
        """The graph's, where the board was seen to give the graph's integers, and none moved."""
        same = self.exact is not None and not (self.exact.differing or self.exact.moved)
        return self.model.accuracy.integer if same and self.model is not None else None


def overview(run: Summary) -> Markup | None:
    """The matrix, then the scatter."""
    pairs = [
        *((x.model, x.board) for x in run.exactness),
        *((x.model, x.board) for x in run.profiles),
        *((x.model, x.board) for x in run.deploys),
    ]
    names, boards = _in_order([name for name, _ in pairs]), _in_order([b for _, b in pairs])
    if not boards:
        return None
    found = _Found(run)
    matrices = [
        _matrix(found, names[k : k + _ABREAST], boards, k == 0)
        for k in range(0, len(names), _ABREAST)
    ]
    words = note(
        "Each cell: whether every integer equals the interpreter's; the accuracy, where no integer "
        "moved; the time of an inference, and what that figure is worth; what the build takes."
    )
    return section("overview", "Networks and boards", *matrices, words, _scatter(run, found))


class _Found:
    """The run's parts by network and board."""

    def __init__(self, run: Summary) -> None:
        self._models = {model.name: model for model in run.models}
        self._exact = {(x.model, x.board): x for x in run.exactness}
        self._profiles = {(x.model, x.board): x for x in run.profiles}
        self._deploys = {(x.model, x.board): x for x in run.deploys}

    def model(self, name: str) -> Model | None:
        return self._models.get(name)

    def cell(self, name: str, board: str) -> _Cell:
        key = (name, board)
        return _Cell(
            self._models.get(name),
            self._exact.get(key),
            self._profiles.get(key),
            self._deploys.get(key),
        )


def _in_order(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _matrix(found: _Found, names: Sequence[str], boards: Sequence[str], first: bool) -> Markup:
    columns = [Column("Board"), *(Column(_heading(name, found.model(name))) for name in names)]
    rows = []
    for board in boards:
        cells = [_told(found.cell(name, board)) for name in names]
        if any(cells):
            rows.append([board, *cells])
    caption = f"Exactness, accuracy, time and bytes{'' if first else ', continued'}"
    return table(caption, columns, rows, kind="matrix")


def _heading(name: str, model: Model | None) -> Markup:
    """The network, its widths, and its accuracy with what the test set allows to say of it."""
    lines: list[Child] = [tag("strong", name)]
    if model is not None and model.bits:
        lines.append(tag("small", model.bits))
    if model is not None and model.accuracy.integer is not None:
        low, high = wilson(model.accuracy.integer, model.test_images)
        share = f"{percent(model.accuracy.integer)} ({100 * low:.1f} to {percent(high)})"
        lines.append(tag("small", share))
    return _lines(lines)


def _told(cell: _Cell) -> Child:
    lines = [*_exactness(cell), *_time(cell.profile), *_bytes(cell.deploy)]
    return _lines(lines) if lines else ""


def _lines(lines: Sequence[Child]) -> Markup:
    return tag("div", *(tag("div", line) for line in lines), class_="lines")


def _exactness(cell: _Cell) -> Iterator[Child]:
    if cell.exact is None:
        return
    differing, moved = cell.exact.differing, cell.exact.moved
    known = chip(f"{count(differing)} differ", "bad") if differing else chip("exact", "good")
    beside = f" {percent(cell.accuracy)}" if cell.accuracy is not None else ""
    yield join(known, f" {count(moved)} moved" if moved else beside)


def _time(profile: Measurement | None) -> Iterator[Child]:
    if profile is None:
        return
    total = profile.whole or profile.total
    if total.us is not None:
        yield join(milliseconds(total.us), " ", badge(profile.evidence))
    elif total.cycles is not None:
        yield join(f"{count(total.cycles)} cycles ", badge(profile.evidence))
    elif total.instructions is not None:
        yield join(f"{count(total.instructions)} instructions ", badge(profile.evidence))


def _bytes(deploy: Deploy | None) -> Iterator[Child]:
    if deploy is None:
        return
    if deploy.lut is not None:
        yield f"{count(deploy.lut)} LUT"
    elif deploy.flash_bytes is not None:
        yield f"{byte_size(deploy.flash_bytes)} flash"
        if deploy.ram_bytes is not None:
            yield f"{byte_size(deploy.ram_bytes)} RAM"
    elif deploy.weight_bytes is not None:
        yield f"{byte_size(deploy.weight_bytes)} weights"


@dataclass(frozen=True, slots=True)
class _Point:
    name: str
    cost: float
    model: Model


def _scatter(run: Summary, found: _Found) -> Markup | None:
    """A plot for each board on which networks with an accuracy were timed: figures of two boards,
    or of two kinds of evidence, share none."""
    plots = []
    for board in _in_order([profile.board for profile in run.profiles]):
        profiles = [profile for profile in run.profiles if profile.board == board]
        plots += [plot for plot in [_plot(board, profiles, found)] if plot is not None]
    if not plots:
        return None
    legend = note(
        "Accuracy of the integers against the time of an inference; bars are 95 % intervals "
        "(Wilson) for the size of the test set: where they overlap it hardly tells networks apart."
    )
    return join(tag("h3", "What accuracy costs"), tag("div", *plots, class_="plots"), legend)


def _plot(board: str, profiles: Sequence[Measurement], found: _Found) -> Markup | None:
    points = []
    for profile in profiles:
        model, total = found.model(profile.model), profile.whole or profile.total
        if model is not None and model.accuracy.integer is not None and total.us is not None:
            points.append(_Point(profile.model, total.us, model))
    if len(points) < 2:
        return None
    bounds = [wilson(p.model.accuracy.integer or 0.0, p.model.test_images) for p in points]
    across = across_scale([p.cost for p in points])
    up = up_scale([edge for pair in bounds for edge in pair])
    shown: Callable[[float], str] = milliseconds
    marks, used = [], _Labels([across.at(point.cost) for point in points])
    for point, (low, high) in zip(points, bounds, strict=True):
        share = point.model.accuracy.integer or 0.0
        x, y = across.at(point.cost), up.at(share)
        label = used.place(x, y)
        about = f"{point.name}: {percent(share, 2)}, {shown(point.cost)}"
        marks.append(
            tag(
                "g",
                tag("title", about),
                tag("line", x1=x, x2=x, y1=up.at(low), y2=up.at(high), class_="interval"),
                tag("circle", cx=x, cy=y, r=5.0),
                tag("text", point.name, x=label[0], y=label[1], class_=used.side(x)),
                class_="mark",
            )
        )
    evidence = profiles[0].evidence
    drawing = tag(
        "svg",
        tag("title", f"Accuracy against time on {board}, {evidence}"),
        tag("g", *grid(across, up, shown), class_="grid"),
        *marks,
        tag("text", "Time", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, class_="axis"),
        role="img",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
    )
    return tag("figure", drawing, tag("figcaption", f"{board} ", badge(evidence)))


class _Labels:
    """Places of names beside marks at ``places`` (x), where nothing else is."""

    def __init__(self, places: Sequence[float]) -> None:
        self._places = sorted(places)
        self._used: list[tuple[float, float]] = []

    def side(self, x: float) -> str:
        """``before`` or ``behind`` the mark at ``x``: where it is further to the next one."""
        left = x - max((at for at in self._places if at < x), default=float(LEFT))
        right = min((at for at in self._places if at > x), default=float(WIDTH)) - x
        return "before" if left > right else "behind"

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Of the name of (x, y): on that side, below the names that are there."""
        at, below = (x - 9 if self.side(x) == "before" else x + 9), y + 4
        while any(abs(below - other) < _LABEL and abs(at - o) < _WIDE for o, other in self._used):
            below += _LABEL
        self._used.append((at, below))
        return at, below
