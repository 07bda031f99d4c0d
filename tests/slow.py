"""Tests that the quick subset (``make check``) leaves out beside those marked where they stand:
``slow.txt`` names files, tests, or tests with their parameters that were measured to take more
than a second of a processor's time."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("slow.txt")


@cache
def listed() -> frozenset[str]:
    """The names in the list, one a line; ``#`` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in LIST.read_text().splitlines())
    return frozenset(filter(None, lines))


def is_slow(test: str, names: Collection[str]) -> bool:
    """Whether ``names`` has a test's file, its name, or its name with parameters.

    Example: ``tests/a/test_b.py::test_c[1]`` is slow if ``tests/a/test_b.py::test_c`` is.
    """
    return any(name in names for name in (test, test.partition("[")[0], test.partition("::")[0]))
