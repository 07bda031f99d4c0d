"""Tests that a run leaves out beside those marked where they stand, each a file, a test, or a test
with its parameters, on the list of its mark: ``slow.txt`` names what was measured to take more than
a second of a processor's time, which ``make check`` leaves out, ``nightly.txt`` what only ``make
nightly`` runs, because cheaper tests of the same code stay."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

MARKS = ("slow", "nightly")


def list_of(mark: str) -> Path:
    """The list's file."""
    return Path(__file__).with_name(f"{mark}.txt")


@cache
def listed(mark: str) -> frozenset[str]:
    """The names on a list, one a line; ``#`` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in list_of(mark).read_text().splitlines())
    return frozenset(filter(None, lines))


def is_among(test: str, names: Collection[str]) -> bool:
    """Whether ``names`` has a test's file, its name, or its name with parameters.

    Example: ``tests/a/test_b.py::test_c[1]`` is among ``{"tests/a/test_b.py::test_c"}``.
    """
    return any(name in names for name in (test, test.partition("[")[0], test.partition("::")[0]))
