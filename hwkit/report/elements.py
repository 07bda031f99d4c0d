"""The page's recurring parts: tables with captions, evidence badges, bars, sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwkit.report.markup import Child, Markup, join, tag
from hwkit.target import Evidence

_MEANING = {
    "measured": "timed or counted on the device itself",
    "simulated": "counted by a model of the device",
    "estimated": "computed from other figures",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``number`` aligns to the right, ``minor`` leaves it out on a narrow window."""

    title: Child
    number: bool = False
    minor: bool = False

    def classes(self, *more: str) -> str | None:
        """Class names of its cells."""
        names = [*(["number"] if self.number else []), *(["minor"] if self.minor else []), *more]
        return " ".join(names) or None


def table(
    caption: Child,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Child]],
    foot: Sequence[Child] | None = None,
    kind: str | None = None,
) -> Markup:
    """A table with a caption; the first cell of each row names the row. ``foot`` is a last row of
    totals. Wider than the window, it scrolls by itself."""
    head = tag("tr", *(tag("th", c.title, scope="col", class_=c.classes()) for c in columns))
    body = [_row(columns, row) for row in rows]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", head),
            tag("tbody", *body),
            tag("tfoot", _row(columns, foot)) if foot else None,
            class_=kind,
        ),
        class_="scroll",
        tabindex=0,
        role="group",
    )


def _row(columns: Sequence[Column], cells: Sequence[Child]) -> Markup:
    first, *rest = zip(columns, cells, strict=True)
    return tag(
        "tr",
        tag("th", first[1], scope="row", class_=first[0].classes()),
        *(tag("td", cell, class_=column.classes()) for column, cell in rest),
    )


def badge(evidence: Evidence) -> Markup:
    """What a figure is worth, told by word, shape and colour."""
    return tag("span", evidence, class_=f"badge {evidence}", title=_MEANING[evidence])


def chip(label: str, kind: str) -> Markup:
    """A verdict or a bit width as a small label; ``kind`` is ``good``, ``bad`` or ``plain``."""
    return tag("span", label, class_=f"chip {kind}")


def bar(label: str, value: float | None, largest: float, kind: str = "") -> Markup:
    """A figure and, beside it, a bar as long as its share of ``largest``."""
    share = 0.0 if value is None or largest <= 0 else 100.0 * value / largest
    drawing = tag(
        "svg",
        tag("rect", width=share, height=1),
        viewBox="0 0 100 1",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return tag("div", drawing, tag("span", label), class_=f"bar {kind}".rstrip())


def section(identifier: str, title: str, *children: Child) -> Markup:
    """A part of the page under its heading."""
    return tag("section", tag("h2", title), *children, id=identifier)


def note(*children: Child) -> Markup:
    """A sentence of explanation."""
    return tag("p", *children, class_="note")


def facts(pairs: Sequence[tuple[str, Child]]) -> Markup:
    """Names and values side by side."""
    items = [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs]
    return tag("dl", *items, class_="facts")


def details(summary: Child, *children: Child) -> Markup:
    """Folded away until asked for."""
    return tag("details", tag("summary", summary), join(*children))
