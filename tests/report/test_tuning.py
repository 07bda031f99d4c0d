"""The section of ``hwkit tune``: plots, their front and limits, and all figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from hwkit.report.page import render
from hwkit.report.summary import LoopState, Summary, Tried, Tuning, parse
from hwkit.report.tuning import Point, front, plots, tuning
from tests.report.document import Element, read

BOARD = "virtual_m4"


def tried(title: str, accuracy: float | None, cycles: int, flash: int, **more: object) -> Tried:
    kind = "plan" if title.startswith("plan") else "uniform"
    state = LoopState({"a": 8, "b": 4}, accuracy, cycles, cycles / 80, flash, "simulated")
    one = Tried(title, kind, BOARD, state)  # type: ignore[arg-type]  # one of the two
    return replace(one, **more)  # type: ignore[arg-type]  # its fields


ALL = (
    tried("plan 1", 0.95, 1000, 9000, predicted={"flash_bytes": 8100.0}, holds=False),
    tried("plan 2", 0.94, 1100, 8000, predicted={"flash_bytes": 8000.0}, holds=True),
    tried("all 8 bits", 0.96, 900, 12000, holds=False),
    tried("all 6 bits", 0.96, 900, 12000, holds=False),
    tried("all 4 bits", 0.93, 1200, 8500, holds=True),
)
LIMITS: Mapping[str, float] = {"latency_us": 15.0, "flash_bytes": 8200}
FOUND = Tuning("net", {BOARD: "flash=8.2kB"}, ALL, {BOARD: "plan 2"}, {BOARD: LIMITS})


def titles(section: Element) -> list[str]:
    return [title.text() for title in section.all("title")]


def test_what_nothing_beats() -> None:
    flash = front([Point(one, one.state.figures()["flash_bytes"]) for one in ALL])
    assert [point.of.title for point in flash] == ["plan 2", "plan 1", "all 8 bits"]
    cycles = front([Point(one, one.state.figures()["latency_cycles"]) for one in ALL])
    assert [point.of.title for point in cycles] == ["all 8 bits"]


def test_the_page_has_plots_and_figures() -> None:
    page = render(Summary("2026-01-31T12:00:00Z", "", tuning=FOUND))
    (section,) = [s for s in read(page).all("section") if s.attributes["id"] == "tuning"]
    captions = [caption.text() for caption in section.all("figcaption")]
    assert captions == ["Integer accuracy against cycles", "Integer accuracy against flash"]
    found = titles(section)
    assert "all 8 bits: 96.00 %, 12.0 kB; all 6 bits: 96.00 %, 12.0 kB" in found
    assert "limit 8.20 kB" in found and "limit 1,200" in found
    marks = [g.attributes["class"] for g in section.all("g") if g.attributes.get("class")]
    assert marks.count("mark chosen") == 2 and marks.count("mark plan") == 2
    rows = [row.text() for row in section.all("tbody")[0].all("tr")]
    assert len(rows) == 5 and "plan 2 8 4" in rows[1] and "94.00 %" in rows[1]
    assert "flash −10.0 %" in rows[0]  # noqa: RUF001


def test_without_labels_there_are_figures_alone() -> None:
    bare = tuple(replace(one, state=replace(one.state, accuracy=None)) for one in ALL)
    assert plots(bare, None, {}) is None
    section = read(str(tuning(replace(FOUND, tried=bare))))
    assert section.all("figure") == [] and len(section.all("tr")) == 6


def test_one_point_and_far_limits() -> None:
    assert plots(ALL[:1], None, {}) is None  # nothing differs
    drawn = read(str(plots(ALL[:2], "plan 1", {"flash_bytes": 1e9})))
    assert not any("limit" in title for title in titles(drawn))


def test_it_passes_through_json() -> None:
    run = Summary("2026-01-31T12:00:00Z", "", tuning=FOUND)
    assert parse(run.to_json()) == run


@pytest.mark.parametrize("found", [None])
def test_no_tuning_no_section(found: None) -> None:
    assert tuning(found) is None
