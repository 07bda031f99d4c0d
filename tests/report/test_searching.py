"""The section of ``hwkit search``."""

from __future__ import annotations

from hwkit.report.page import render
from hwkit.report.searching import search
from hwkit.report.summary import Searched, Shape, Summary, parse
from tests.report.document import read
from tests.report.test_tuning import BOARD, tried

FOUND = Searched(
    network="space",
    board=BOARD,
    asked="latency=1000cycles",
    looked_at=(
        Shape(1, {"blocks.a.channels": "8"}, {"latency_cycles": 900.0}, True, (0.5, 0.7)),
        Shape(2, {"blocks.a.channels": "16"}, {"latency_cycles": 1900.0}, False),
        Shape(3, {"blocks.a.channels": "9"}, {"latency_cycles": 950.0}, True, (0.6, 0.8)),
    ),
    tried=(
        tried("network 1", 0.7, 900, 9000, kind="plan"),
        tried("network 3", 0.8, 950, 9500, kind="plan"),
        tried("by hand", 0.75, 1000, 9900),
    ),
    chosen="network 3",
    limits={"latency_cycles": 1000},
)


def test_the_page_has_plots_and_every_shape() -> None:
    page = render(Summary("2026-01-31T12:00:00Z", "", search=FOUND))
    (section,) = [s for s in read(page).all("section") if s.attributes["id"] == "search"]
    marks = [g.attributes["class"] for g in section.all("g") if g.attributes.get("class")]
    assert marks.count("mark chosen") == 2 and marks.count("mark uniform") == 2
    labels = [text.text() for g in section.all("g") for text in g.all("text")]
    assert {"1", "3", "by hand"} <= set(labels)
    full, shapes = section.all("tbody")
    assert [row.text().split()[0] for row in full.all("tr")] == ["network", "network", "by"]
    rows = [row.text() for row in shapes.all("tr")]
    assert len(rows) == 3 and "does not hold" in rows[1] and "80.0 %" in rows[2]


def test_a_summary_keeps_it() -> None:
    run = Summary("2026-01-31T12:00:00Z", "", search=FOUND)
    assert parse(run.to_json()) == run
    assert search(None) is None
