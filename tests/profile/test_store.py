"""The store keeps whole measurements, from several writers, and refuses files that aren't its."""

from __future__ import annotations

import multiprocessing
import resource
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hwkit.errors import ConfigError, FormatError, HwkitError
from hwkit.profile import store
from hwkit.profile.campaign import profile_json
from hwkit.profile.commit import source_commit
from hwkit.profile.store import Context
from tests.profile.test_campaign import EDGE, MCU, run, timed_at_once

PROFILE: dict[str, Any] = profile_json(MCU, [run(10, 100), run(12, 90)], warm_up=1)
CONTEXT = Context(
    board="m4",
    evidence="simulated",
    model="mnist",
    model_digest="ab" * 32,
    commit="0" * 40,
    repeats=2,
    warm_up=1,
    clock_hz=64_000_000,
    toolchain={"zig": "0.15.1"},
    flags=("-O2", "-mcpu=cortex-m4"),
    time_utc="2026-01-31T12:00:00Z",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "measurements.sqlite"


def test_what_is_stored_is_read_back_whole(path: Path) -> None:
    first = store.add(PROFILE, CONTEXT, path)
    second = store.add(PROFILE, replace(CONTEXT, model_digest="cd" * 32), path)
    found = store.read(path)
    assert [m.id for m in found] == [first, second]
    assert found[0].context == CONTEXT
    layers = found[0].layers
    assert [(r.index, r.name, r.macs, r.cycles) for r in layers] == [
        (0, "l0", 10, 10),
        (1, "l1", 20, 90),
    ]
    assert isinstance(layers[0].cycles, int) and isinstance(layers[0].spread["cycles"]["mad"], int)
    assert layers[0].us is None
    assert layers[0].spread["cycles"] == {"min": 10, "median": 10, "p95": 12, "mad": 0}
    assert store.read(path, model_digest="cd" * 32) == [found[1]]
    assert store.read(path, board="other") == []


def test_the_whole_models_figures_are_kept(path: Path) -> None:
    host = profile_json(EDGE, [timed_at_once(2.5, None)])
    context = replace(CONTEXT, board="host", evidence="measured", repeats=1, warm_up=0)
    store.add(host, context, path)
    whole, layer = store.read(path)[0].layers
    assert (whole.index, whole.name, whole.op, whole.us) == (-1, "mnist", "Model", 2.5)
    assert (layer.index, layer.us) == (0, None)


def test_no_file_yet(path: Path) -> None:
    assert store.read(path) == []
    assert not path.exists()
    path.parent.mkdir()
    path.touch()
    assert store.read(path) == []
    assert store.add(PROFILE, CONTEXT, path) == 1


def test_the_default_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store.default_path() == tmp_path / "hwkit" / "measurements.sqlite"
    assert store.add(PROFILE, CONTEXT) == 1
    assert len(store.read()) == 1
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.default_path().parent == tmp_path / ".local" / "share" / "hwkit"


def test_the_time_is_utc() -> None:
    now = Context("b", "measured", "m", "", "", 1, 0).time_utc
    assert len(now) == 20 and now.endswith("Z") and now[10] == "T"


@pytest.mark.parametrize(
    ("key", "value"), [("board", "m7"), ("evidence", "measured"), ("repeats", 3), ("warm_up", 0)]
)
def test_a_context_of_another_run(path: Path, key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"measurement: {key} is .* take both from one run"):
        store.add(PROFILE, replace(CONTEXT, **{key: value}), path)
    assert not path.exists()


def test_a_failing_insert_leaves_nothing(path: Path) -> None:
    twice = {**PROFILE, "layers": [PROFILE["layers"][0], PROFILE["layers"][0]]}
    with pytest.raises(HwkitError):
        store.add(twice, CONTEXT, path)
    assert store.read(path) == []


def write_many(path: Path, model: str) -> None:
    for _ in range(20):
        store.add(PROFILE, replace(CONTEXT, model=model), path)


def test_two_writers_at_once_lose_nothing(path: Path) -> None:
    processes = [
        multiprocessing.get_context("fork").Process(target=write_many, args=(path, name))
        for name in ("a", "b")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    found = store.read(path)
    assert sorted(m.context.model for m in found) == ["a"] * 20 + ["b"] * 20
    assert all(len(m.layers) == 2 for m in found)


def one_line(error: HwkitError, path: Path) -> str:
    text = str(error)
    assert str(path) in text and "\n" not in text
    return text


@pytest.mark.parametrize("content", [b"not a database at all" * 50, b"\0" * 4096, b"S"])
def test_a_file_that_is_no_database(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for attempt in (lambda: store.add(PROFILE, CONTEXT, path), lambda: store.read(path)):
        with pytest.raises(FormatError) as caught:
            attempt()
        assert "move the file away" in one_line(caught.value, path)
    assert path.read_bytes() == content


def test_a_damaged_store(path: Path) -> None:
    for _ in range(40):
        store.add(PROFILE, CONTEXT, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xa5" * (len(whole) - 100))
    with pytest.raises(FormatError) as caught:
        store.read(path)
    one_line(caught.value, path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HwkitError) as cut:
        store.read(path)
    one_line(cut.value, path)


def test_another_programs_database(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE notes (text TEXT)")
    db.close()
    with pytest.raises(FormatError) as caught:
        store.add(PROFILE, CONTEXT, path)
    assert "another program" in one_line(caught.value, path)


def test_another_schema_version_is_refused(path: Path) -> None:
    store.add(PROFILE, CONTEXT, path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(FormatError) as caught:
        store.read(path)
    assert "schema version 7, this hwkit reads 1" in one_line(caught.value, path)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE measurement SET toolchain = 'x'",
        "UPDATE measurement SET repeats = 'many'",
        "UPDATE layer SET cycles = 'fast'",
        "UPDATE layer SET spread = x'ff'",
    ],
)
def test_rows_that_make_no_sense(path: Path, change: str) -> None:
    store.add(PROFILE, CONTEXT, path)
    with sqlite3.connect(path) as db:
        db.execute(change)
    db.close()
    with pytest.raises(FormatError) as caught:
        store.read(path)
    one_line(caught.value, path)


def fill(path: Path, answer: Any) -> None:
    """Adds until the (tiny) limit on the file's size is met, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))
    try:
        for _ in range(2000):
            store.add(PROFILE, CONTEXT, path)
    except HwkitError as error:
        answer.put((type(error).__name__, str(error)))


def test_a_full_disk_is_one_line_and_damages_nothing(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    process = context.Process(target=fill, args=(path, answer))
    process.start()
    kind, text = answer.get(timeout=60)
    process.join()
    assert kind == "ConfigError"
    assert "free space" in text and "\n" not in text
    stored = len(store.read(path))
    assert stored > 10
    assert store.add(PROFILE, CONTEXT, path) == stored + 1


def test_a_path_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="give another path"):
        store.add(PROFILE, CONTEXT, tmp_path / "file" / "m.sqlite")
    with pytest.raises(ConfigError, match="is a folder, no regular file"):
        store.add(PROFILE, CONTEXT, tmp_path)


def test_the_commit_is_gits_or_the_version(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert source_commit(tmp_path).startswith("hwkit ")
    monkeypatch.setenv("PATH", "")
    assert source_commit(tmp_path).startswith("hwkit ")
