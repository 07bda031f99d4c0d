"""What a run of a mode leaves, whoever drove it: records, and the runner's three files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from hwkit.targets.mcu.package.networks import Network

Mode = Literal["performance", "accuracy"]

FILES = ("log.txt", "results.txt", "results.json")
"""What the runner leaves and a submission holds, for each mode."""

WINDOWS = 5
"""Of a performance run, each on another sample."""

WINDOW_US = 10_000_000
"""The shortest that counts."""


@dataclass(frozen=True, slots=True)
class Record:
    """An answer: to which file, what the device told, how many inferences took how long."""

    file: str
    results: tuple[float, ...]
    us: int
    iterations: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: ``iterations`` of a window behind ``warmups``, and by accuracy runs one of
    each sample."""

    network: Network
    iterations: int
    warmups: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A mode's records in order; ``folder`` has ``FILES``."""

    records: Sequence[Record]
    folder: Path


def per_second(records: Sequence[Record]) -> float:
    """The median of the windows' inferences per second; 0 where a device has no clock."""
    return median(r.iterations * 1e6 / r.us if r.us else 0.0 for r in records)
