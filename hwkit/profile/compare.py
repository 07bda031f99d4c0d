"""Two sets of measurements beside each other: what became slower, and how sure that is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from hwkit.profile.measurement import Measurement
from hwkit.profile.statistics import median

FIGURES = ("cycles", "instructions", "us")
_RESAMPLES = 4000
_SEED = 7
_CONFIDENCE = 0.95
_MAD_TO_DEVIATION = 1.4826
_FEWEST_NETWORKS = 5

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
    drawn by a fixed seed; of times that were measured it is wider by how much the ratios of the
    board's networks differ among themselves, where there are five. Figures that a simulation counts
    are the same in every row: their interval is one point. Example: cycles of 100 and then 103 give
    a ratio of 1.03, 1.03..1.03.
    """
    first, second = (_samples(rows, across_boards) for rows in (before, after))
    found = [
        _compared(key, values, second[key], across_boards)
        for key, values in first.items()
        if key in second
    ]
    return found if across_boards else _widened(found)


def _widened(found: Sequence[Comparison]) -> list[Comparison]:
    """``found`` with the intervals of measured times as wide as sessions differ.

    The rows of a cell are taken seconds apart, those it is compared with on another day: they tell
    of one session's noise alone. How much two sessions differ shows in how much the ratios of a
    board's networks differ among themselves: around their median, so that what slows all of them
    is no noise; by the median of deviations, so that one network that became slower counts little.
    And of many networks some are far out by chance: 95 % hold for all of them together
    (Sidak, 1967).
    """
    ratios: dict[tuple[str, str, str], list[float]] = {}
    for one in found:
        if one.evidence == "measured" and 0 < one.ratio < math.inf:
            of = (one.board, one.options, one.figure)
            ratios.setdefault(of, []).append(math.log(one.ratio))
    all_of_them = max(1, sum(map(len, ratios.values())))
    far = NormalDist().inv_cdf((1 + _CONFIDENCE ** (1 / all_of_them)) / 2)
    spreads = {of: far * _spread(logs) for of, logs in ratios.items()}
    return [
        _with(one, spreads.get((one.board, one.options, one.figure), 0.0))
        if one.evidence == "measured" and one.low > 0 and one.high < math.inf
        else one
        for one in found
    ]


def _with(one: Comparison, between: float) -> Comparison:
    """``one`` with the noise between sessions beside its own: squares add."""
    below, above = math.log(one.ratio / one.low), math.log(one.high / one.ratio)
    return replace(
        one,
        low=one.ratio / math.exp(math.hypot(below, between)),
        high=one.ratio * math.exp(math.hypot(above, between)),
    )


def _spread(values: Sequence[float]) -> float:
    """The standard deviation by the median of absolute deviations (Hampel, 1974); 0 for so few
    values that it says nothing."""
    if len(values) < _FEWEST_NETWORKS:
        return 0.0
    middle = median(values)
    return _MAD_TO_DEVIATION * median([abs(value - middle) for value in values])


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
