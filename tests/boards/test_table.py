"""The README's table of boards is what the board files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit import boards
from hwkit.boards.table import table, updated
from hwkit.errors import ConfigError

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_is_up_to_date() -> None:
    text = README.read_text()
    assert updated(text, "README.md") == text, "run: python -m hwkit.boards.table README.md"


def test_every_board_has_a_row() -> None:
    rows = table().splitlines()[2:]
    assert sorted(row.split("`")[1] for row in rows) == boards.names()
    assert all(row.count("|") == 8 for row in rows)
    (pico,) = (row for row in rows if "`rpi_pico`" in row)
    assert "| rp2040 | 125 MHz | 264 kB sram, 2048 kB flash | measured |" in pico


def test_a_page_without_marks() -> None:
    with pytest.raises(ConfigError, match=r"a\.md: no table of boards; put"):
        updated("# page\n", "a.md")
