"""Skipped tests: which may be, and what the run did not test because of them."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("expected_skips.toml")


@dataclass(frozen=True, slots=True)
class Skip:
    """A test, or a file of tests, that was skipped, and the reason that it gave."""

    test: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expected:
    """Tests (a pattern of their names, as in a shell) that may be skipped for a reason in which
    the regular expression ``reason`` is found; ``when`` says on which machines."""

    tests: str
    reason: str
    when: str


def expected(path: Path = LIST) -> tuple[Expected, ...]:
    """The list; ``TypeError`` for an entry that lacks a field or has one too many."""
    return tuple(Expected(**entry) for entry in tomllib.loads(path.read_text()).get("skip", ()))


def skipped(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[Skip]:
    """What ``reports`` of skips say, without the word that pytest puts in front."""
    found = []
    for report in reports:
        where = report.longrepr
        reason = str(where[-1]) if isinstance(where, (tuple, list)) else str(where)
        found.append(Skip(report.nodeid, reason.removeprefix("Skipped: ")))
    return found


def unexpected(found: Sequence[Skip], allowed: Sequence[Expected]) -> list[Skip]:
    """Those of ``found`` that no entry of ``allowed`` covers, by its tests and by its reason."""
    return [
        skip
        for skip in found
        if not any(
            fnmatchcase(skip.test, entry.tests) and re.search(entry.reason, skip.reason)
            for entry in allowed
        )
    ]


def summary(found: Sequence[Skip]) -> str:
    """One line. Example: ``not tested on this machine: 3 tests (qemu is not installed: 3)``."""
    if not found:
        return "nothing was skipped: this machine tests everything that ran"
    reasons = Counter(skip.reason for skip in found)
    listed = "; ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
    return f"not tested on this machine: {len(found)} test{'s' * (len(found) > 1)} ({listed})"
