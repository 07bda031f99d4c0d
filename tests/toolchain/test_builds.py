"""The build cache by itself: made once, whole or absent, copied as it was made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hwkit.errors import ConfigError, ToolFailed
from hwkit.toolchain.builds import CachedBuild, entry


class Maker:
    """Fills folders and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, out: Path) -> Path:
        self.times += 1
        (out / "sub").mkdir()
        (out / "sub" / "notes").write_text("notes")
        (out / "program").write_text("program")
        (out / "program").chmod(0o755)
        return out / "program"


def read(folder: Path) -> str:
    if not (folder / "sub" / "notes").is_file():
        raise ConfigError(f"{folder}: no notes")
    return (folder / "program").read_text()


def test_an_entry_is_of_its_board_plan_and_tools() -> None:
    names = [
        entry(*of).name
        for of in (
            ("a", "1", {"cc": "1"}),
            ("b", "1", {"cc": "1"}),
            ("a", "2", {"cc": "1"}),
            ("a", "1", {"cc": "2"}),
        )
    ]
    assert len(set(names)) == 4 and names[0].startswith("a-") and names[1].startswith("b-")
    assert entry("a", "1", {"x": "1", "cc": "1"}) == entry("a", "1", {"cc": "1", "x": "1"})


def test_it_is_made_once_and_again_where_it_is_damaged(tmp_path: Path) -> None:
    make = Maker()
    build = CachedBuild(tmp_path / "b", make)
    assert [build.opened(read) for _ in range(2)] == ["program"] * 2 and make.times == 1
    (tmp_path / "b" / "program").write_text("other")
    assert build.opened(read) == "program" and make.times == 2
    (tmp_path / "b" / "sub" / "notes").unlink()
    assert build.opened(read) == "program" and make.times == 3
    (tmp_path / "b" / ".complete").write_text('{"runs": 3}')
    assert build.opened(read) == "program" and make.times == 4
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_list_without_the_file_that_runs_is_none(tmp_path: Path) -> None:
    make = Maker()
    build = CachedBuild(tmp_path / "b", make)
    build.opened(read)
    whole = json.loads((tmp_path / "b" / ".complete").read_text())
    for times, part in enumerate(({"runs": {}, "files": {}}, {**whole, "files": {}}), 2):
        (tmp_path / "b" / ".complete").write_text(json.dumps(part))
        build.copy(tmp_path / "out")
        assert (tmp_path / "out" / "program").is_file() and make.times == times
        shutil.rmtree(tmp_path / "out")


def test_a_copy_holds_what_was_made_and_nothing_else(tmp_path: Path) -> None:
    make = Maker()
    build = CachedBuild(tmp_path / "b", make)
    build.opened(read)
    (tmp_path / "b" / "log").write_text("of a later run")
    build.copy(tmp_path / "out")
    made = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*"))
    assert made == [Path("program"), Path("sub"), Path("sub/notes")] and make.times == 1
    before, after = (tmp_path / of / "program" for of in ("b", "out"))
    assert after.stat().st_mode == before.stat().st_mode
    assert after.stat().st_mtime_ns == before.stat().st_mtime_ns
    (tmp_path / "b" / "sub" / "notes").write_text("damaged")
    build.copy(tmp_path / "again")
    assert (tmp_path / "again" / "sub" / "notes").read_text() == "notes" and make.times == 2


def test_of_one_that_fails_nothing_stays(tmp_path: Path) -> None:
    def fails(out: Path) -> Path:
        (out / "half").touch()
        raise ToolFailed("cc", 1, "log")

    with pytest.raises(ToolFailed):
        CachedBuild(tmp_path / "b", fails).opened(read)
    assert not list(tmp_path.iterdir())
