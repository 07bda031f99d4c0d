"""What is told of a measurement in one cell: time where there is one, else cycles, else counts."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hwkit.profile.measurement import Figures
from hwkit.profile.store import Stored
from hwkit.report.elements import chip
from hwkit.report.markup import Markup
from hwkit.report.numbers import NONE, count, milliseconds, real

FIGURES = ("cycles", "instructions", "us")
TITLES = {"cycles": "Cycles", "instructions": "Instructions", "us": "Time"}


def whole(stored: Stored) -> Figures:
    """Figures of a whole inference: timed at once where it was, else the sums."""
    return stored.measurement.whole or stored.measurement.total


def main_figure(rows: Sequence[Stored]) -> str:
    """The first of ``FIGURES`` that every row has; "" for none."""
    for figure in FIGURES:
        if rows and all(getattr(whole(row), figure) is not None for row in rows):
            return figure
    return ""


def shown(figure: str, value: float | None) -> str:
    """A figure with its unit where the column has none: 14594 µs are ``14.6 ms``."""
    return milliseconds(value) if figure == "us" else count(value)


def in_short(stored: Stored) -> str:
    """The time of an inference, or what is known instead: ``2.31 ms``, ``51,204 cycles``."""
    found = whole(stored)
    if found.us is not None:
        return milliseconds(found.us)
    clock = stored.measurement.clock_hz
    if found.cycles is not None:
        return (
            milliseconds(found.cycles * 1e6 / clock) if clock else f"{count(found.cycles)} cycles"
        )
    if found.instructions is not None:
        return f"{count(found.instructions)} instructions"
    return NONE


def exact(stored: Stored) -> Markup:
    """Whether the very build that was measured gave the interpreter's integers."""
    found = stored.exactness
    if found is None:
        return chip("not compared", "plain")
    if found.differing:
        return chip(f"{count(found.differing)} of {count(found.integers)} differ", "bad")
    return chip(f"{count(found.integers)} exact", "good")


def build(stored: Stored) -> str:
    """What shaped the build: ``optimize=speed bits=4``; "" for defaults."""
    options = stored.measurement.options
    return " ".join(f"{key}={options[key]}" for key in sorted(options))


def key(stored: Stored) -> tuple[str, str, str, str]:
    """What is measured again and again: network, board, build and evidence."""
    m = stored.measurement
    return m.model, m.board, json.dumps(dict(m.options), sort_keys=True), m.evidence


def change(before: float | None, after: float | None) -> Markup:
    """How much a figure changed, as a label; less is better."""
    if before is None or after is None or not before:
        return chip(NONE, "plain")
    share = after / before - 1
    if abs(share) < 0.0005:
        return chip("same", "plain")
    words = f"{'+' if share > 0 else '−'}{real(abs(share) * 100)} %"  # noqa: RUF001
    return chip(words, "bad" if share > 0 else "good")
