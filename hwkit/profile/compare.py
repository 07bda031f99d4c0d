"""Two sets of measurements beside each other: what became slower, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hwkit.profile.measurement import Measurement
from hwkit.profile.statistics import median

FIGURES = ("cycles", "instructions", "us")
_RESAMPLES = 4000
_SEED = 7
_CONFIDENCE = 0.95

Key = tuple[str, str, str, str, str]
"""Model, board, options, evidence, figure: what is compared with its like alone."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of one model on one board, ``before`` and ``after`` as medians; ``ratio`` of them
    (after / before) with the 95 % interval ``low..high``, from so many ``rows`` each."""

    model: str
    board: str
    options: str
    evidence: str
    figure: str
    before: float
    after: float
    ratio: float
    low: float
    high: float
    rows: tuple[int, int]

    def is_slower(self, threshold: float) -> bool:
        """Whether all of the interval is above ``1 + threshold``."""
        return self.low > 1 + threshold

    def is_faster(self, threshold: float) -> bool:
        """Whether all of the interval is below ``1 - threshold``."""
        return self.high < 1 - threshold


def compare(
    before: Iterable[Measurement], after: Iterable[Measurement], across_boards: bool = False
) -> list[Comparison]:
    """Every figure that both have, of the same model by name, the same options and evidence, and,
    unless ``across_boards``, the same board; in the order of ``before``.

    The interval is of a bootstrap over rows (percentiles of 4,000 resampled ratios of medians),
    drawn by a fixed seed. Figures that a simulation counts are the same in every row: their
    interval is one point. Example: cycles of 100 and then 103 give a ratio of 1.03, 1.03..1.03.
    """
    first, second = (_samples(rows, across_boards) for rows in (before, after))
    return [
        _compared(key, values, second[key], across_boards)
        for key, values in first.items()
        if key in second
    ]


def _samples(rows: Iterable[Measurement], across_boards: bool) -> dict[Key, list[float]]:
    found: dict[Key, list[float]] = {}
    for row in rows:
        options = json.dumps(dict(row.options), sort_keys=True)
        board = "" if across_boards else row.board
        for figure in FIGURES:
            value = getattr(row.total, figure)
            if value is not None:
                key = (row.model, board, options, row.evidence, figure)
                found.setdefault(key, []).append(float(value))
    return found


def _compared(
    key: Key, before: Sequence[float], after: Sequence[float], across_boards: bool
) -> Comparison:
    model, board, options, evidence, figure = key
    first, second = median(before), median(after)
    low, high = _interval(np.array(before), np.array(after))
    return Comparison(
        model=model,
        board="(both)" if across_boards else board,
        options=options,
        evidence=evidence,
        figure=figure,
        before=first,
        after=second,
        ratio=_ratio(first, second),
        low=low,
        high=high,
        rows=(len(before), len(after)),
    )


def _ratio(before: float, after: float) -> float:
    return after / before if before else (1.0 if after == before else float("inf"))


def _interval(
    before: np.ndarray[tuple[int], np.dtype[np.float64]],
    after: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, float]:
    rng = np.random.default_rng(_SEED)
    medians = [
        np.median(values[rng.integers(0, len(values), (_RESAMPLES, len(values)))], axis=1)
        for values in (before, after)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(medians[0] == medians[1], 1.0, medians[1] / medians[0])
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(ratios, (tail, 1 - tail))
    return float(low), float(high)
