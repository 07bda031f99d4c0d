"""The pages of a store: networks by boards, one network, one board, one measurement, and two of
them layer by layer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hwkit.profile.store import Stored
from hwkit.report.elements import Column, badge, facts, note, section, table
from hwkit.report.markup import Child, Markup, join, tag
from hwkit.report.numbers import NONE, count
from hwkit.report.page import document
from hwkit.report.performance import profile_table
from hwkit.report.site import links
from hwkit.report.site.beside import layers_beside
from hwkit.report.site.chart import Point, trend
from hwkit.report.site.figures import (
    TITLES,
    build,
    change,
    exact,
    in_short,
    key,
    main_figure,
    shown,
    whole,
)

_FIRST = "Measurements"
_LATEST = 30
"""Measurements on the first page, beside the matrix."""
_MEASUREMENT = re.compile(r"measurement-([0-9]{1,18})\.html")
_COMPARISON = re.compile(r"compare-([0-9]{1,18})-([0-9]{1,18})\.html")


class Site:
    """Pages of ``rows``, measurements of one store from the oldest to the newest."""

    def __init__(self, rows: Sequence[Stored], place: str) -> None:
        self._place = place
        self._rows = {row.id: row for row in rows}
        self._previous: dict[int, Stored] = {}
        self._latest: dict[tuple[str, str, str, str], Stored] = {}
        self._series: dict[tuple[str, str, str, str], list[Stored]] = {}
        for row in rows:
            of = key(row)
            if of in self._latest:
                self._previous[row.id] = self._latest[of]
            self._latest[of] = row
            self._series.setdefault(of, []).append(row)
        self._networks = {links.network(name): name for name in self._names("model")}
        self._boards = {links.board(name): name for name in self._names("board")}

    def _names(self, kind: str) -> list[str]:
        return sorted({getattr(row.measurement, kind) for row in self._rows.values()})

    def names(self) -> list[str]:
        """Every page that another one links to; ``page`` compares any other two as well."""
        return [
            links.INDEX,
            *self._networks,
            *self._boards,
            *(links.measurement(number) for number in self._rows),
            *(
                links.comparison(other.id, row.id)
                for row in self._rows.values()
                for other in self._partners(row)
            ),
        ]

    def page(self, name: str) -> str | None:
        """The page ``name`` as HTML; None where the store has nothing for it."""
        if name == links.INDEX:
            return self._index()
        if name in self._networks:
            return self._group("Network", "model", self._networks[name])
        if name in self._boards:
            return self._group("Board", "board", self._boards[name])
        if found := _MEASUREMENT.fullmatch(name):
            row = self._rows.get(int(found[1]))
            return None if row is None else self._measurement(row)
        if found := _COMPARISON.fullmatch(name):
            before, after = (self._rows.get(int(number)) for number in found.groups())
            return None if before is None or after is None else self._comparison(before, after)
        return None

    def _partners(self, row: Stored) -> list[Stored]:
        """What a measurement's page offers to compare with: the one before of the same kind, and,
        from the newest of its kind, the newest of each other kind of the same network."""
        before = self._previous.get(row.id)
        found = [] if before is None else [before]
        if self._latest[key(row)] is row:
            model = row.measurement.model
            found += [
                s for s in self._latest.values() if s.measurement.model == model and s is not row
            ]
        return found

    def _page(self, title: str, line: str, *sections: Markup | None) -> str:
        back = tag("nav", _link(links.INDEX, "All networks and boards"))
        return document(title, line, sections, None if title == _FIRST else back)

    def _index(self) -> str:
        line = (
            f"{count(len(self._rows))} measurements, {len(self._networks)} networks, "
            f"{len(self._boards)} boards · {self._place}"
        )
        if not self._rows:
            empty = note("Nothing is stored yet: 'hwkit profile' and 'hwkit campaign' store.")
            return self._page(_FIRST, line, empty)
        recent = list(self._rows.values())[: -_LATEST - 1 : -1]
        return self._page(
            _FIRST,
            line,
            section("matrix", "Networks by boards", self._matrix()),
            section("latest", "Latest", self._list(recent, "Newest first")),
        )

    def _matrix(self) -> Markup:
        """The newest measurement of each network on each board."""
        newest: dict[tuple[str, str], Stored] = {}
        for row in self._rows.values():
            newest[row.measurement.model, row.measurement.board] = row
        columns = [Column("Network")]
        columns += [Column(_link(links.board(b), b), number=True) for b in self._boards.values()]
        rows: list[list[Child]] = []
        for network in self._networks.values():
            cells: list[Child] = [_link(links.network(network), network)]
            for board in self._boards.values():
                found = newest.get((network, board))
                cells.append(NONE if found is None else _cell(found))
            rows.append(cells)
        return table("Time of an inference, and whether its integers are exact", columns, rows)

    def _group(self, kind: str, field: str, name: str) -> str:
        """All of one network, or of one board."""
        series = [s for s in self._series.values() if getattr(s[-1].measurement, field) == name]
        number = sum(map(len, series))
        newest = [s[-1] for s in series]
        charts = [self._trend(s, field) for s in series if len(s) > 1]
        return self._page(
            f"{kind} {name}",
            f"{count(number)} measurements · {self._place}",
            section("newest", "Newest", self._list(newest, "The newest of each build", field)),
            section("trends", "Over time", *charts) if any(charts) else None,
        )

    def _list(self, rows: Sequence[Stored], caption: str, without: str = "") -> Markup:
        columns = [
            Column("No."),
            Column("Taken (UTC)", minor=True),
            *([] if without == "model" else [Column("Network")]),
            *([] if without == "board" else [Column("Board")]),
            Column("Build", minor=True),
            Column("Evidence", minor=True),
            Column("Inference", number=True),
            Column("Change", number=True),
            Column("Integers", minor=True),
            Column("Commit", minor=True),
        ]
        return table(caption, columns, [self._list_row(row, without) for row in rows])

    def _list_row(self, row: Stored, without: str) -> list[Child]:
        m = row.measurement
        previous = self._previous.get(row.id)
        changed: Child = NONE
        if previous is not None:
            figure = main_figure([previous, row])
            a, b = (getattr(whole(of), figure, None) for of in (previous, row))
            changed = _link(links.comparison(previous.id, row.id), change(a, b))
        return [
            _link(links.measurement(row.id), row.id),
            m.time_utc.replace("T", " ").rstrip("Z"),
            *([] if without == "model" else [_link(links.network(m.model), m.model)]),
            *([] if without == "board" else [_link(links.board(m.board), m.board)]),
            build(row),
            badge(m.evidence),
            in_short(row),
            changed,
            exact(row),
            tag("code", m.commit[:12]),
        ]

    def _trend(self, series: Sequence[Stored], without: str) -> Markup | None:
        figure = main_figure(series)
        if not figure:
            return None
        last = series[-1]
        m = last.measurement
        name = " ".join(filter(None, (m.board if without == "model" else m.model, build(last))))
        values = [float(getattr(whole(row), figure)) for row in series]
        points = [
            Point(
                row.measurement.commit[:8] or row.measurement.time_utc[:10],
                value,
                links.measurement(row.id),
                f"{row.measurement.time_utc} {row.measurement.commit[:12]}: {shown(figure, value)}",
            )
            for row, value in zip(series, values, strict=True)
        ]
        title = tag("h3", f"{name}: {TITLES[figure].lower()} ", badge(m.evidence))
        return join(title, trend(points, ("0", shown(figure, max(values))), name))

    def _measurement(self, row: Stored) -> str:
        m = row.measurement
        identity = m.identity
        told: list[tuple[str, Child]] = [
            ("Network", _link(links.network(m.model), m.model)),
            ("Board", _link(links.board(m.board), m.board)),
            ("Ran on", identity.name or identity.kind),
            ("Build", build(row) or "defaults"),
            ("Commit", tag("code", m.commit or NONE)),
            ("Integers", exact(row)),
            ("Tools", " ".join(f"{name} {v}" for name, v in m.toolchain.items()) or NONE),
            ("Flags", tag("code", " ".join(m.flags) or NONE)),
            ("Network's digest", tag("code", m.model_digest[:16])),
            ("Input's digest", tag("code", m.input_digest[:16] or NONE)),
        ]
        beside = self._partners(row)
        return self._page(
            f"{m.model} on {m.board}",
            f"measurement {row.id} · {m.time_utc} · {self._place}",
            section("facts", "What was measured", facts(told)),
            section("layers", "Layers", profile_table(m)),
            section("beside", "Beside others", _beside(row, beside)) if beside else None,
        )

    def _comparison(self, before: Stored, after: Stored) -> str:
        columns = [Column(""), Column("Before", number=True), Column("After", number=True)]
        columns.append(Column("Change", number=True))
        rows: list[list[Child]] = []
        for figure in TITLES:
            a, b = (getattr(whole(row), figure) for row in (before, after))
            if a is not None or b is not None:
                rows.append([TITLES[figure], shown(figure, a), shown(figure, b), change(a, b)])
        both = [_side("Before", before), _side("After", after)]
        return self._page(
            f"Measurements {before.id} and {after.id}",
            self._place,
            section("sides", "What is compared", *both),
            section("whole", "The whole model", table("An inference", columns, rows)),
            section("layers", "Layer by layer", layers_beside(before, after)),
        )


def _link(href: str, words: Child) -> Markup:
    return tag("a", words, href=href)


def _cell(row: Stored) -> Markup:
    link = _link(links.measurement(row.id), in_short(row))
    if row.exactness is None:
        return link
    return join(link, " ", tag("span", "✗" if row.exactness.differing else "✓"))


def _side(words: str, row: Stored) -> Markup:
    m = row.measurement
    pairs: list[tuple[str, Child]] = [
        (words, _link(links.measurement(row.id), f"measurement {row.id}")),
        ("Network", _link(links.network(m.model), m.model)),
        ("Board", _link(links.board(m.board), m.board)),
        ("Build", build(row) or "defaults"),
        ("Commit", tag("code", m.commit[:12] or NONE)),
        ("Taken", m.time_utc),
    ]
    return join(facts(pairs), tag("p", badge(m.evidence), " ", exact(row)))


def _beside(row: Stored, others: Sequence[Stored]) -> Markup:
    columns = [
        Column("Compared with"),
        Column("Board"),
        Column("Build", minor=True),
        Column("Taken", minor=True),
        Column("Inference", number=True),
    ]
    rows: list[list[Child]] = [
        [
            _link(links.comparison(other.id, row.id), f"measurement {other.id}"),
            other.measurement.board,
            build(other),
            other.measurement.time_utc,
            in_short(other),
        ]
        for other in others
    ]
    return table("Layer by layer, this one as what came after", columns, rows)
