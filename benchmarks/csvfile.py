"""Results as CSV, one file a benchmark, under benchmarks/results."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")


def write(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes ``rows`` (all with the first one's keys) to ``results/<name>.csv``. What is too long
    for a page has a name in a folder, ``layers/<name>``."""
    path = FOLDER / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(name: str) -> list[dict[str, str]]:
    """The rows of ``results/<name>.csv``."""
    with (FOLDER / f"{name}.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))
