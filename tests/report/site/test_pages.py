"""The pages of a store: every link leads somewhere, and each says what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.report.site import Site, write_site
from hwkit.report.site.links import slug
from tests.report.document import read
from tests.report.site.rows import HOSTILE, stored

SITE = Site(stored(), "store.db")


def _page(name: str, site: Site = SITE) -> str:
    content = site.page(name)
    assert content is not None, name
    return content


def _row(page: str, first: str) -> list[str]:
    """The texts of the first row of a table whose first cell says ``first``."""
    rows = [[cell.text() for cell in row.children] for row in read(page).all("tr")]
    return next(row for row in rows if row[0] == first)


def test_every_link_leads_to_a_page_that_is_written() -> None:
    names = SITE.names()
    assert len(set(names)) == len(names)
    for name in names:
        for link in read(_page(name)).all("a"):
            assert link.attributes["href"] in names, name


def test_the_matrix_has_the_newest_of_each_network_on_each_board() -> None:
    page = _page("index.html")
    assert "14 measurements, 2 networks, 2 boards · store.db" in page
    # One cycle is a microsecond: 1030 + 515 + 1, and no figure but instructions in the last.
    assert _row(page, HOSTILE) == [HOSTILE, "1.55 ms", "1.55 ms ✗"]
    assert _row(page, "digits") == ["digits", "1.55 ms ✓", "3,002 instructions ✗"]


def test_names_are_shown_and_never_obeyed(tmp_path: Path) -> None:
    assert "<b>" not in _page("index.html")
    assert slug("vww") == "vww" and slug("a/b") == "a-b-c14cddc0"
    assert slug("a/b") != slug("a-b") and slug("x" * 300) != slug("x" * 301)
    assert write_site(SITE, tmp_path / "pages") == len(SITE.names())
    assert {path.parent for path in tmp_path.rglob("*.html")} == {tmp_path / "pages"}


def test_a_change_is_told_where_it_happened() -> None:
    page = _page("network-digits.html")
    assert "<polyline" in page
    # The last on virtual_m4 is of the first commit again: 3,002 instructions after 3,092.
    assert _row(page, "14")[-3] == "−2.91 %"  # noqa: RUF001
    between = _page("compare-1-5.html")
    assert _row(between, "conv") == ["conv", "Conv2d", "1,000", "1,030", "+3.00 %"]
    assert _row(between, "fc")[4] == "same"
    assert _row(_page("compare-5-9.html"), "Cycles") == ["Cycles", "1,546", "1,546", "same"]


def test_one_measurement() -> None:
    page = _page("measurement-13.html")
    for told in ("optimize=speed", "zig 0.17.0", "unicorn", "20 exact", "cortex-m4 1", "-O2"):
        assert told in page
    assert _row(page, "pool")[:3] == ["pool", "Conv2d", "100"]


def test_layers_that_only_one_has() -> None:
    assert "No figure per layer is in both." in _page("compare-1-14.html")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x.html",
        "measurement-99.html",
        "measurement-1.html/",
        f"measurement-{'9' * 5000}.html",
        "compare-1-99.html",
        "network-none.html",
        "../index.html",
    ],
)
def test_what_is_not_there(name: str) -> None:
    assert SITE.page(name) is None


def test_an_empty_store() -> None:
    site = Site([], "store.db")
    assert site.names() == ["index.html"]
    assert "Nothing is stored yet" in _page("index.html", site)
