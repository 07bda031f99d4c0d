"""The page: whole, self-contained, accessible, and deaf to hostile strings."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hwkit.errors import FormatError
from hwkit.report.page import render, write_report
from hwkit.report.summary import Summary
from tests.report import example
from tests.report.document import read

HOSTILE = "</style><script>alert('x')</script>\"'><img src=http://evil.example/x>\u202e\x00\ud800&"


def poisoned(value: Any) -> Any:
    """Every free text in a summary replaced by a hostile one."""
    fixed = {"evidence", "version", "kind"}
    if is_dataclass(value) and not isinstance(value, type):
        changes = {
            f.name: poisoned(getattr(value, f.name)) for f in fields(value) if f.name not in fixed
        }
        return replace(value, **changes)
    if isinstance(value, tuple):
        return tuple(poisoned(item) for item in value)
    if isinstance(value, dict):
        return {poisoned(key): poisoned(item) for key, item in value.items()}
    return HOSTILE if isinstance(value, str) else value


def test_one_file_without_network_or_script() -> None:
    page = render(example.summary())
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert not re.search(r"https?:|//|@import|url\(|\bsrc=|<script|<link|<img|<iframe", page)
    assert "default-src &#x27;none&#x27;" in page


def test_well_formed_and_accessible() -> None:
    document = read(render(example.summary()))
    assert next(e.text() for e in document.all("title")) == "hwkit report"
    assert [e.text() for e in document.all("h1")] == ["hwkit report"]
    tables = document.all("table")
    assert len(tables) > 10
    for table in tables:
        assert [c.name for c in table.children][:2] == ["caption", "thead"]
        assert all(th.attributes["scope"] in ("row", "col") for th in table.all("th"))
        widths = {len(row.children) for row in table.all("tr")}
        assert len(widths) == 1, table.text()
    for drawing in document.all("svg"):
        assert drawing.attributes.get("aria-hidden") or drawing.children[0].name == "title"
    identifiers = [f"#{s.attributes['id']}" for s in document.all("section")]
    assert [a.attributes["href"] for a in document.all("a")] == identifiers
    assert len(set(identifiers)) == len(identifiers)


def test_the_verdict_and_the_overview_come_first() -> None:
    document = read(render(example.summary()))
    assert "All 33,600 integers are equal on 4 boards." in document.all("header")[0].text()
    assert document.all("section")[0].attributes["id"] == "overview"
    section = next(s for s in document.all("section") if s.attributes["id"] == "exactness")
    rows = [[c.text() for c in row.children] for row in section.all("tbody")[0].children]
    assert rows[1] == ["mnist_w8", "host_litert", "1,000", "10,000", "0", "12"]


def test_a_difference_is_never_hidden() -> None:
    summary = example.summary()
    wrong = replace(summary.exactness[1], differing=7)
    page = render(replace(summary, exactness=(*summary.exactness, wrong)))
    assert "7 of 43,600 integers differ on 4 boards." in page
    assert '<span class="chip bad">7</span>' in page


def test_figures_are_on_the_page() -> None:
    text = read(render(example.summary())).text()
    for figure in (
        "97.80 %", "97.50 %", "97.40 %", "−0.40 pt", "3 of 10,000",  # noqa: RUF001
        "934,110", "861,000", "863,420", "−7.6 %", "the budget holds",  # noqa: RUF001
        "402,000", "14.6 ms an inference at 64.0 MHz", "46.7",
        "22,870 B", "0.5 % of 4.19 MB", "the arena of 10,192 bytes", "14×14×16",  # noqa: RUF001
    ):  # fmt: skip
        assert figure in text, figure


def test_no_table_mixes_kinds_of_evidence() -> None:
    document = read(render(example.summary()))
    profiles = next(s for s in document.all("section") if s.attributes["id"] == "profiles")
    badges = [b.text() for b in profiles.all("span") if "badge" in str(b.attributes.get("class"))]
    assert badges == ["simulated", "measured", "measured"]
    assert len(profiles.all("table")) == 3
    loop = next(s for s in document.all("section") if s.attributes["id"] == "loop")
    heads = [th.text() for th in loop.all("thead")[0].all("th")]
    assert heads[1:4] == ["Before simulated", "Predicted estimated", "After simulated"]


def test_a_model_timed_at_once_says_so() -> None:
    summary = example.summary()
    host = summary.profiles[1]
    whole = replace(host.total, us=31.5)
    alone = tuple(replace(layer, us=None) for layer in host.layers)
    text = read(
        render(
            replace(
                summary,
                profiles=(
                    replace(host, whole=whole),
                    replace(host, layers=alone, total=whole, whole=whole),
                ),
            )
        )
    ).text()
    start = "Median of 30 runs, after 5 for warm-up, 31.5 µs an inference"
    beside = (
        "layers timed one by one add up to 46.7 µs, 48.3 % more: more than calls account for, so "
        "that layers here are not what they are alone"
    )
    assert f"{start}, timed as a whole; {beside}" in text
    assert f"{start}. This board gives no figure per layer." in text


def test_hostile_strings_stay_text() -> None:
    page = render(poisoned(example.summary()))
    document = read(page)
    assert not document.all("script") and not document.all("img")
    assert len(document.all("style")) == 1
    assert "\u202e" not in page and "\x00" not in page and "\ud800" not in page
    page.encode()


def test_the_same_summary_gives_the_same_bytes() -> None:
    assert render(example.summary()) == render(example.summary())


def test_a_network_of_many_layers_stays_a_table() -> None:
    summary = example.summary()
    layer = summary.models[0].layers[0]
    many = tuple(replace(layer, name=f"l{i}", inputs=("l0",)) for i in range(1000))
    page = render(replace(summary, models=(replace(summary.models[0], layers=many),)))
    assert "1000 layers" in page
    assert len(page) < 1_000_000


def test_an_empty_run_still_makes_a_page() -> None:
    document = read(render(Summary(created_utc="2026-01-31T12:00:00Z", commit="")))
    assert "No board was compared" in document.text()
    assert document.all("section") == []


def test_figures_that_nobody_knows_are_dashes() -> None:
    summary = example.summary()
    profile = summary.profiles[0]
    unknown = tuple(replace(x, instructions=None, cycles=None, us=None) for x in profile.layers)
    page = render(
        replace(
            summary,
            profiles=(replace(profile, layers=unknown),),
            models=(replace(summary.models[0], moved_at_freeze=None, integers_at_freeze=None),),
            loop=replace(example.loop(), cost_table=(), sensitivity=(), within_budget=False),
        )
    )
    text = read(page).text()
    assert "This board gives no figure per layer." in text
    assert "No cost table was recorded." in text
    assert "the budget does not hold" in text


def test_it_is_written_from_the_json_or_from_the_summary(tmp_path: Path) -> None:
    summary = example.summary()
    write_report(summary, tmp_path / "a.html")
    write_report(json.loads(json.dumps(summary.to_json())), tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    with pytest.raises(FormatError, match="key 'created_utc' is missing"):
        write_report({"commit": "x"}, tmp_path / "c.html")
    assert not (tmp_path / "c.html").exists()
