"""Plans kept in the cache folder, under the digest of all that they depend on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_json, remove_abandoned, write_json
from hwkit.record import from_json, to_json
from hwkit.toolchain.cache import cache_folder

WORTH_S = 0.05
"""Plans that are made faster are not kept."""

T = TypeVar("T")


def remembered(
    kind: type[T], depends: Sequence[object], make: Callable[[], T], legal: Callable[[T], bool]
) -> T:
    """What ``make`` gives, a dataclass of ``kind``: as it was kept, or now.

    ``depends`` is all that it depends on, as JSON values. A file that is damaged, or a plan that
    is not ``legal``, is made again. A cache that can't be used keeps nothing, and what is made
    faster than ``WORTH_S`` is not kept.
    """
    try:
        path = _path(kind, depends)
    except ConfigError:
        return make()
    found = _load(kind, path)
    if found is None or not legal(found):
        start = time.perf_counter()
        found = make()
        if time.perf_counter() - start >= WORTH_S:
            _save(path, found)
    return found


def _path(kind: type[object], depends: Sequence[object]) -> Path:
    text = json.dumps([_planners(), kind.__name__, *depends])
    return cache_folder("plans") / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


@cache
def _planners() -> str:
    """SHA-256 of this room's sources: what was planned in another way is planned again."""
    state = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        state.update(source.read_bytes())
    return state.hexdigest()


def _load(kind: type[T], path: Path) -> T | None:
    try:
        kept = read_json(path)
        plan = from_json(kind, kept["plan"], str(path))
        return plan if kept["sha256"] == _digest(plan) else None
    except (FormatError, KeyError, TypeError):
        return None


def _save(path: Path, plan: object) -> None:
    try:
        remove_abandoned(path.parent)
        write_json(path, {"plan": to_json(plan), "sha256": _digest(plan)})
    except ConfigError:
        return  # a full disk: the plan is there all the same, and is made again next time


def _digest(plan: object) -> str:
    """A digit that has changed in a file could still be a legal plan, with a bound that is none."""
    return hashlib.sha256(json.dumps(to_json(plan)).encode()).hexdigest()
