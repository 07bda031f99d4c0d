"""The tutorials run as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tutorials import FOLDER, blocks, run

PAGES = ("first-deploy", "pytorch", "campaign", "board", "op")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial(page: str, tmp_path: Path) -> None:
    if page == "pytorch":
        pytest.importorskip("torch")
    run(page, tmp_path)


def test_every_tutorial_is_run_and_has_its_time() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {*PAGES, "index"}
    index = (FOLDER / "index.md").read_text()
    for page in PAGES:
        (line,) = (line for line in index.splitlines() if f"({page}.md)" in line)
        assert line.rstrip(" |").endswith(" s"), line
        assert sum(not block.title for block in blocks(page)) >= 1
