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
from hwkit.profile.measurement import Measurement
from hwkit.profile.store.costs import LayerCost
from hwkit.profile.store.database import Place
from hwkit.profile.store.measurements import Stored, read

_COMMIT = re.compile(r"[0-9a-f]{4,40}(\+changes)?|hwkit .+")


_FIGURES: Mapping[str, Callable[[Stored], Any]] = {
    "id": lambda stored: stored.id,
    "time_utc": lambda stored: stored.measurement.time_utc,
    "model": lambda stored: stored.measurement.model,
    "board": lambda stored: stored.measurement.board,
    "evidence": lambda stored: stored.measurement.evidence,
    "name": lambda stored: stored.measurement.identity.name,
    "clock_hz": lambda stored: stored.measurement.clock_hz,
    "options": lambda stored: _pairs(stored.measurement.options, "="),
    "macs": lambda stored: stored.measurement.total.macs,
    "instructions": lambda stored: stored.measurement.total.instructions,
    "cycles": lambda stored: stored.measurement.total.cycles,
    "us": lambda stored: stored.measurement.total.us,
    "low": lambda stored: _interval(stored.measurement)[0],
    "high": lambda stored: _interval(stored.measurement)[1],
    "drift": lambda stored: stored.measurement.drift,
    "predicted": lambda stored: _predicted(stored.measurement)[0],
    "prediction_error": lambda stored: _predicted(stored.measurement)[1],
    "integers": lambda stored: stored.exactness and stored.exactness.integers,
    "differing": lambda stored: stored.exactness and stored.exactness.differing,
    "repeats": lambda stored: stored.measurement.repeats,
    "commit": lambda stored: stored.measurement.commit,
    "toolchain": lambda stored: _pairs(stored.measurement.toolchain, " "),
    "model_digest": lambda stored: stored.measurement.model_digest,
    "input_digest": lambda stored: stored.measurement.input_digest,
}
"""The columns, in their order."""


def _interval(of: Measurement) -> tuple[float | None, float | None]:
    """Of the median of an inference's time, of its cycles where there are any: in that unit."""
    whole = of.whole or of.total
    found = whole.spread.get("cycles" if whole.cycles is not None else "us")
    return (None, None) if found is None else (found.low, found.high)


def _predicted(of: Measurement) -> tuple[float | None, float | None]:
    """What the cost table or a timing model promised, and by which share that was off."""
    found = of.prediction
    return (None, None) if found is None else (found.value, found.error)


def cost_row(cost: LayerCost) -> dict[str, Any]:
    """What a layer takes as one flat row. Example: ``{"op": "Conv2d", "inputs": "s8[8,8,16]",
    "constants": "s4[32,3,3,16] s32[32]", "us": 3.9, "low": 3.88, "high": 3.93, ...}``."""
    figure = "cycles" if cost.cycles is not None else "us"
    found = cost.spread.get(figure)
    return {
        "board": cost.board,
        "evidence": cost.evidence,
        "op": cost.layer["op"],
        "inputs": " ".join(cost.layer["inputs"]),
        "constants": " ".join(cost.layer["constants"]),
        "output": cost.layer["output"],
        "macs": cost.macs,
        "instructions": cost.instructions,
        "cycles": cost.cycles,
        "us": cost.us,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "repeats": cost.repeats,
        "drift": cost.drift,
        "model": cost.model,
        "time_utc": cost.time_utc,
        "commit": cost.source_commit,
        "key": cost.key.digest,
    }


def _pairs(of: Mapping[str, Any], between: str) -> str:
    return " ".join(f"{key}{between}{value}" for key, value in of.items())


def row(stored: Stored) -> dict[str, Any]:
    """A measurement as one flat row: figures of the whole model, and how exact its build is."""
    return {name: of(stored) for name, of in _FIGURES.items()}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV with a head; a figure that isn't known is empty."""
    text = io.StringIO()
    columns = list(rows[0]) if rows else list(_FIGURES)
    writer = csv.DictWriter(text, columns, lineterminator="\n")
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
    columns = list(rows[0]) if rows else list(_FIGURES)
    pandas.DataFrame(list(rows), columns=columns).to_parquet(data, index=False)
    return data.getvalue()


def compared(before: str, after: str, place: Place = None) -> list[Comparison]:
    """Measurements of two commits (the first 4 digits or more; of what was measured outside a
    repository hwkit's version, as "hwkit 0.1.0"), two boards, or two stores.

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
