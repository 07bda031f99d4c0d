"""How many examples of a property are tried: more of them every night."""

from __future__ import annotations

import os

from hypothesis import settings

FACTOR = int(os.environ.get("HWKIT_TEST_EXAMPLES", "1"))
"""Set by ``make nightly``; with 1 a run is the one that CI makes."""


def more(count: int) -> int:
    """``count`` examples, or so many times more as this run asks for."""
    return FACTOR * count


def with_more(test: object) -> None:
    """The same for a test that Hypothesis runs."""
    before = getattr(test, "_hypothesis_internal_use_settings", None)
    if FACTOR > 1 and isinstance(before, settings):
        after = settings(before, max_examples=more(before.max_examples))
        test._hypothesis_internal_use_settings = after  # type: ignore[attr-defined]  # Hypothesis' own
