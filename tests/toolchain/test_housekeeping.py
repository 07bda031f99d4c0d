"""The cache: what it takes, and making room in it."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from hwkit import resources
from hwkit.cli import hwkit
from hwkit.errors import ConfigError
from hwkit.toolchain import cache
from hwkit.toolchain.housekeeping import KINDS, Kept, clean, kept


def _five_bytes(path: Path) -> None:
    path.write_bytes(b"12345")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own: an object with its seal, a build of two files, one that is being made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.kept(cache.cache_folder("objects") / "a.o", _five_bytes)
    build = cache.cache_folder("builds") / "m4-00"
    (build / "kernels").mkdir(parents=True)
    (build / "model.c").write_bytes(b"123")
    (build / "kernels" / "k.h").write_bytes(b"12")
    (build.parent / ".new-1").mkdir()
    return tmp_path / "hwkit"


def _of(found: list[Kept], kind: str) -> tuple[int, int]:
    return next((of.entries, of.size_bytes) for of in found if of.kind == kind)


def test_every_kind_is_counted() -> None:
    found = kept()
    assert [of.kind for of in found] == sorted(KINDS)
    assert _of(found, "objects") == (1, 5 + 64) and _of(found, "builds") == (1, 5)
    assert _of(found, "zig") == (0, 0)


def test_every_folder_of_the_source_is_known() -> None:
    root = resources.folder("firmware").parent / "hwkit"
    used = [
        name
        for path in root.rglob("*.py")
        for name in re.findall(r'cache_folder\("(\w+)"\)', path.read_text())
    ]
    assert set(used) == set(KINDS)


def test_cleaning_leaves_what_is_not_asked_for(folder: Path) -> None:
    assert _of(clean(["builds"]), "builds") == (1, 5)
    assert sorted(path.name for path in (folder / "builds").iterdir()) == [".new-1"]
    assert (folder / "objects" / "a.o").exists()
    assert sum(of.entries for of in clean()) == 1
    assert sum(of.size_bytes for of in kept()) == 0
    assert clean(["objects"]) == [Kept("objects", KINDS["objects"], 0, 0)]


def test_what_was_used_lately_stays(folder: Path) -> None:
    old = time.time() - 40 * 86_400
    os.utime(folder / "builds" / "m4-00", (old, old))
    assert [of.entries for of in clean(unused_days=30) if of.entries] == [1]
    assert not (folder / "builds" / "m4-00").exists() and (folder / "objects" / "a.o").exists()


def test_links_are_removed_and_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"1")
    (folder / "builds" / "link").symlink_to(outside)
    clean(["builds"])
    assert (outside / "file").exists() and not (folder / "builds" / "link").is_symlink()


def test_an_unknown_kind() -> None:
    with pytest.raises(ConfigError, match="cache 'all': there is none; give alone, builds"):
        clean(["all"])


def test_the_commands(folder: Path) -> None:
    shown = CliRunner().invoke(hwkit, ["cache", "show"]).output
    assert f"MB in {folder}" in shown and "simulators built from Verilog" in shown
    told = json.loads(CliRunner().invoke(hwkit, ["cache", "clean", "builds", "--json"]).output)
    assert told["folder"] == str(folder)
    assert [(of["kind"], of["entries"]) for of in told["kinds"]] == [("builds", 1)]
