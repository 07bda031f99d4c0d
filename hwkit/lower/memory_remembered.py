"""Placements kept in the cache folder, under the digest of the problem that they solve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_json, remove_abandoned, write_json
from hwkit.lower.memory_packing import Problem, conflict
from hwkit.record import from_json, to_json
from hwkit.toolchain.cache import cache_folder

_VERSION = 1
"""Of the way to place: what was placed in another way is placed again."""

_QUICK_BOXES = 8
"""Fewer are placed faster than a file is read."""


@dataclass(frozen=True, slots=True)
class Placed:
    """``offsets`` of the boxes, and a height that no placement beats."""

    offsets: tuple[int, ...]
    bound: int


def remembered(problem: Problem, others: Sequence[object], place: Callable[[], Placed]) -> Placed:
    """What ``place`` gives for ``problem``: as it was kept, or now.

    ``others`` is what the placement depends on beside the problem, as JSON values. What was kept
    is checked: a file that is damaged, or boxes that would overlap, are placed again. A cache
    that can't be used keeps nothing.
    """
    if len(problem.boxes) < _QUICK_BOXES:
        return place()
    try:
        path = _path(problem, others)
    except ConfigError:
        return place()
    found = _load(path, problem)
    if found is None:
        found = place()
        _save(path, found)
    return found


def _path(problem: Problem, others: Sequence[object]) -> Path:
    depends = [
        _VERSION,
        [[box.size, box.first, box.last] for box in problem.boxes],
        [sorted(near.items()) for near in problem.above],
        *others,
    ]
    digest = hashlib.sha256(json.dumps(depends).encode()).hexdigest()
    return cache_folder("plans") / f"{digest[:32]}.json"


def _load(path: Path, problem: Problem) -> Placed | None:
    try:
        kept = read_json(path)
        placed = from_json(Placed, kept["placed"], str(path))
        whole = kept["sha256"] == _digest(placed)
    except (FormatError, KeyError, TypeError):
        return None
    legal = (
        len(placed.offsets) == len(problem.boxes)
        and min(placed.offsets) >= 0
        and conflict(problem, placed.offsets) is None
    )
    return placed if whole and legal else None


def _save(path: Path, placed: Placed) -> None:
    try:
        remove_abandoned(path.parent)
        write_json(path, {"placed": to_json(placed), "sha256": _digest(placed)})
    except ConfigError:
        return  # a full disk: the plan is there all the same, and is made again next time


def _digest(placed: Placed) -> str:
    """Of what stands in a file: a single digit that has changed would be a bound that is none."""
    return hashlib.sha256(json.dumps(to_json(placed)).encode()).hexdigest()
