"""The store keeps whole measurements, from several writers, and refuses files that aren't its."""

from __future__ import annotations

import multiprocessing
import resource
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hwkit.errors import ConfigError, FormatError, HwkitError
from hwkit.profile import store
from hwkit.profile.commit import source_commit
from hwkit.profile.measurement import now_utc
from hwkit.profile.medians import medians
from hwkit.profile.store import database, schema
from hwkit.target import Identity
from tests.profile.example import MEASUREMENT
from tests.profile.test_medians import timed_at_once


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "measurements.sqlite"


def test_what_is_stored_is_read_back_whole(path: Path) -> None:
    first = store.add(MEASUREMENT, path)
    second = store.add(replace(MEASUREMENT, model_digest="cd" * 32), path)
    found = store.read(path)
    assert [m.id for m in found] == [first, second]
    assert found[0].measurement == MEASUREMENT
    assert store.read(path, model_digest="cd" * 32) == [found[1]]
    assert store.read(path, board="other") == []


def test_the_whole_models_figures_are_kept(path: Path) -> None:
    found = medians("host", [timed_at_once(2.5, None)])
    here = replace(
        MEASUREMENT,
        identity=Identity("hardware", "litert 2.0", host="lab (a CPU)", threads=2),
        layers=found.layers,
        total=found.total,
        whole=found.whole,
    )
    store.add(here, path)
    assert store.read(path)[0].measurement == here


VERSION_1 = """
CREATE TABLE measurement (id INTEGER PRIMARY KEY, time_utc TEXT NOT NULL, board TEXT NOT NULL,
    evidence TEXT NOT NULL CHECK (evidence IN ('measured', 'simulated', 'estimated')),
    clock_hz INTEGER, toolchain TEXT NOT NULL, flags TEXT NOT NULL, source_commit TEXT NOT NULL,
    model TEXT NOT NULL, model_digest TEXT NOT NULL, repeats INTEGER NOT NULL,
    warm_up INTEGER NOT NULL);
CREATE TABLE layer (measurement INTEGER NOT NULL REFERENCES measurement (id),
    layer_index INTEGER NOT NULL, name TEXT NOT NULL, op TEXT NOT NULL, macs INTEGER NOT NULL,
    instructions NUMERIC, cycles NUMERIC, us NUMERIC, spread TEXT NOT NULL,
    PRIMARY KEY (measurement, layer_index));
CREATE INDEX measurement_by_model ON measurement (model_digest, board);
INSERT INTO measurement VALUES (1, '2026-01-01T00:00:00Z', 'm4', 'simulated', 64000000, '{}', '[]',
    'abc', 'mnist', 'dd', 2, 1);
INSERT INTO layer VALUES (1, 0, 'l0', 'Dense', 10, NULL, 7, NULL, '{}');
INSERT INTO layer VALUES (1, 1, 'l1', 'Dense', 5, 3, 2, NULL, '{}')
"""
VERSION_2 = """
ALTER TABLE measurement ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE measurement ADD COLUMN input_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE measurement ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
INSERT INTO layer VALUES (1, -1, 'whole', 'Model', 15, NULL, 9, 2.5, '{}');
INSERT INTO layer VALUES (1, -2, 'total', 'Model', 15, NULL, 9, 2.5, '{}')
"""


@pytest.mark.parametrize(("version", "statements"), [(1, ""), (2, VERSION_2)])
def test_a_file_of_an_earlier_version_is_brought_up_to_date(
    path: Path, version: int, statements: str
) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.executescript(f"{VERSION_1};{statements}")
        db.execute(f"PRAGMA application_id = {database.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    assert store.add(MEASUREMENT, path) == 2
    old, new = (each.measurement for each in store.read(path))
    assert new == MEASUREMENT
    assert (old.evidence, old.clock_hz, old.identity.name) == ("simulated", 64_000_000, "")
    assert [of.cycles for of in old.layers] == [7, 2]
    assert (old.total.cycles, old.total.macs, old.total.instructions) == (9, 15, None)
    assert old.total.us == (None if version == 1 else 2.5)
    assert (old.whole is None) == (version == 1)


def test_what_migrations_make_is_what_the_schema_says(path: Path) -> None:
    store.add(MEASUREMENT, path)
    with database.opened(path, write=False) as db:
        found = sa.MetaData()
        found.reflect(db)

    def shapes(metadata: sa.MetaData) -> dict[str, list[tuple[str, bool, bool]]]:
        return {
            name: [(c.name, bool(c.nullable), c.primary_key) for c in table.columns]
            for name, table in metadata.tables.items()
            if name != "alembic_version"
        }

    assert shapes(found) == shapes(schema.metadata)


def test_sums_over_layers_count_nothing_twice(path: Path) -> None:
    found = medians("host", [timed_at_once(2.5, None)])
    whole = replace(MEASUREMENT, layers=found.layers, total=found.total, whole=found.whole)
    store.add(whole, path)
    with sqlite3.connect(path) as db:
        (layers,) = db.execute("SELECT sum(macs) FROM layer").fetchone()
        (total,) = db.execute("SELECT macs FROM total").fetchone()
    db.close()
    assert layers == total


def test_no_file_yet(path: Path) -> None:
    assert store.read(path) == []
    assert not path.exists()
    path.parent.mkdir()
    path.touch()
    assert store.read(path) == []
    assert store.add(MEASUREMENT, path) == 1


def test_the_default_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HWKIT_STORE", str(tmp_path / "own.sqlite"))
    assert store.default_path() == tmp_path / "own.sqlite"
    monkeypatch.delenv("HWKIT_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store.default_path() == tmp_path / "hwkit" / "measurements.sqlite"
    assert store.add(MEASUREMENT) == 1
    assert len(store.read()) == 1
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.default_path().parent == tmp_path / ".local" / "share" / "hwkit"


def test_the_time_is_utc() -> None:
    now = now_utc()
    assert len(now) == 20 and now.endswith("Z") and now[10] == "T"


def test_a_failing_insert_leaves_nothing(path: Path) -> None:
    layer = MEASUREMENT.layers[0]
    twice = replace(MEASUREMENT, layers=(layer, layer))
    with pytest.raises(HwkitError):
        store.add(twice, path)
    assert store.read(path) == []


def write_many(path: Path, model: str) -> None:
    for _ in range(20):
        store.add(replace(MEASUREMENT, model=model), path)


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
    assert sorted(m.measurement.model for m in found) == ["a"] * 20 + ["b"] * 20
    assert all(len(m.measurement.layers) == 2 for m in found)


def one_line(error: HwkitError, path: Path) -> str:
    text = str(error)
    assert str(path) in text and "\n" not in text
    return text


@pytest.mark.parametrize("content", [b"not a database at all" * 50, b"\0" * 4096, b"S"])
def test_a_file_that_is_no_database(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for attempt in (lambda: store.add(MEASUREMENT, path), lambda: store.read(path)):
        with pytest.raises(FormatError) as caught:
            attempt()
        assert "move the file away" in one_line(caught.value, path)
    assert path.read_bytes() == content


def test_a_damaged_store(path: Path) -> None:
    for _ in range(40):
        store.add(MEASUREMENT, path)
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
        store.add(MEASUREMENT, path)
    assert "another program" in one_line(caught.value, path)


def test_another_schema_version_is_refused(path: Path) -> None:
    store.add(MEASUREMENT, path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(FormatError) as caught:
        store.read(path)
    assert "schema version 7, this hwkit reads 4" in one_line(caught.value, path)


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
    store.add(MEASUREMENT, path)
    with sqlite3.connect(path) as db:
        db.execute(change)
    db.close()
    with pytest.raises(FormatError) as caught:
        store.read(path)
    one_line(caught.value, path)


def fill(path: Path, answer: Any) -> None:
    """Adds until the (tiny) limit on the file's size is met, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (128 << 10, 128 << 10))
    try:
        for _ in range(2000):
            store.add(MEASUREMENT, path)
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
    assert store.add(MEASUREMENT, path) == stored + 1


def test_a_path_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="give another path"):
        store.add(MEASUREMENT, tmp_path / "file" / "m.sqlite")
    with pytest.raises(ConfigError, match="is a folder, no regular file"):
        store.add(MEASUREMENT, tmp_path)


def test_the_commit_is_gits_or_the_version(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert source_commit(tmp_path).startswith("hwkit ")
    monkeypatch.setenv("PATH", "")
    assert source_commit(tmp_path).startswith("hwkit ")
