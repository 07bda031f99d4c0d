"""Stored measurements as rows: for files, for other tools, and beside each other."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hwkit import boards
from hwkit.errors import ConfigError, ToolMissing
from hwkit.profile.compare import Comparison, compare
from hwkit.profile.store.database import Place
from hwkit.profile.store.measurements import Stored, read

_COMMIT = re.compile(r"[0-9a-f]{4,40}")


def row(stored: Stored) -> dict[str, Any]:
    """A measurement as one flat row: figures of the whole model, and how exact its build is."""
    of, exactness = stored.measurement, stored.exactness
    return {
        "id": stored.id,
        "time_utc": of.time_utc,
        "model": of.model,
        "board": of.board,
        "evidence": of.evidence,
        "name": of.identity.name,
        "clock_hz": of.clock_hz,
        "options": " ".join(f"{key}={value}" for key, value in of.options.items()),
        "macs": of.total.macs,
        "instructions": of.total.instructions,
        "cycles": of.total.cycles,
        "us": of.total.us,
        "integers": None if exactness is None else exactness.integers,
        "differing": None if exactness is None else exactness.differing,
        "repeats": of.repeats,
        "commit": of.commit,
        "toolchain": " ".join(f"{key} {value}" for key, value in of.toolchain.items()),
        "model_digest": of.model_digest,
        "input_digest": of.input_digest,
    }


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV with a head; a figure that isn't known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as Parquet. ``ToolMissing`` without pandas and pyarrow."""
    try:
        import pandas
        import pyarrow  # noqa: F401  # by which pandas writes it
    except ImportError as error:
        raise ToolMissing("pandas with pyarrow", "pip install 'hwkit[parquet]'") from error
    data = io.BytesIO()
    pandas.DataFrame(list(rows), columns=_columns(rows)).to_parquet(data, index=False)
    return data.getvalue()


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(rows[0]) if rows else ["id"]


def compared(before: str, after: str, place: Place = None) -> list[Comparison]:
    """Measurements of two commits (the first 4 digits or more), two boards, or two stores.

    ``ConfigError`` for what names none of them, or nothing that both have.
    """
    first, second = (_chosen(text, place) for text in (before, after))
    if first[0] != second[0]:
        raise ConfigError(f"{before} is a {first[0]}, {after} a {second[0]}; give two of a kind")
    one, other = ([s.measurement for s in found] for _, found in (first, second))
    if found := compare(one, other, across_boards=first[0] == "board"):
        return found
    raise ConfigError(
        f"{before}, {after}: no model has a figure in both, with the same options and evidence; "
        "see hwkit results"
    )


def _chosen(text: str, place: Place) -> tuple[str, list[Stored]]:
    if "://" in text or Path(text).is_file():
        return "store", _some(text, read(text if "://" in text else Path(text)))
    tests: list[tuple[str, Callable[[Stored], bool]]] = []
    if text in boards.names():
        tests.append(("board", lambda stored: stored.measurement.board == text))
    if _COMMIT.fullmatch(text):
        tests.append(("commit", lambda stored: stored.measurement.commit.startswith(text)))
    for kind, test in tests:
        if found := [stored for stored in read(place) if test(stored)]:
            return kind, found
    raise ConfigError(
        f"{text:.80}: no store, and no commit or board that anything was measured with; see "
        "hwkit results"
    )


def _some(text: str, found: list[Stored]) -> list[Stored]:
    if not found:
        raise ConfigError(f"{text}: holds no measurements")
    return found
