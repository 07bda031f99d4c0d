"""What the integers of a narrowed map mean: a step and a zero point, chosen by what was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.ir.types import Array, IntType

_SHARES = tuple(2.0 ** (-k / 8) for k in range(17))
"""Of the range that was seen: from all of it down to a quarter, the rest being cut off."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Integer v of a narrowed map stands for ``step * (v - zero_point)`` steps of the map as it
    was; ``dtype`` is its type.

    Example: ``Grid(IntType(4, True), 16.0, -8)`` holds 0..15 times 16 steps.
    """

    dtype: IntType
    step: float
    zero_point: int

    def nearest(self, steps: Array) -> Array:
        """The integers nearest to ``steps`` of the old map above its zero point, halves up.

        Example: with the grid above 23 gives -7 (23 / 16 = 1.44, less 8).
        """
        moved = np.floor(steps / self.step + 0.5).astype(np.int64) + self.zero_point
        return np.clip(moved, self.dtype.low, self.dtype.high)

    def steps(self, integers: Array) -> Array:
        """What ``integers`` stand for, in steps of the map as it was, float64."""
        return self.step * (integers.astype(np.int64) - self.zero_point)


def best_grid(counts: Array, dtype: IntType, zero_point: int, bits: int) -> Grid:
    """The grid of ``bits`` bits with the least squared error over what was seen.

    ``counts`` (levels,): how often each integer of ``dtype`` was seen, ascending. The range that
    was seen, with zero, is cut by up to 4 in steps of 2**(1/8). A step is never finer than the
    map's. Ties go to the wider range.

    Example: counts of 0 to 15 alone, zero point 0, in s8, at 4 bits: step 1, zero point -8.
    """
    narrow = IntType(bits, dtype.signed)
    steps = np.arange(dtype.low, dtype.high + 1) - zero_point
    seen = steps[counts > 0]
    low, high = min(0, int(seen.min(initial=0))), max(0, int(seen.max(initial=0)))
    levels = narrow.high - narrow.low
    grids = []
    for share in _SHARES:
        step = max(1.0, share * (high - low) / levels)
        nearest = narrow.low + int(np.floor(-share * low / step + 0.5))
        grids.append(Grid(narrow, step, min(max(nearest, narrow.low), narrow.high)))
    return min(grids, key=lambda grid: squared_error(grid, counts, steps))


def squared_error(grid: Grid, counts: Array, steps: Array) -> float:
    """The sum of squared errors, in squared steps of the map as it was."""
    errors = grid.steps(grid.nearest(steps)) - steps
    return float(np.sum(counts * errors * errors))


def entropy(counts: Array) -> float:
    """Shannon's entropy of a histogram, in bits; 0 for an empty one. [1, 1] has 1 bit."""
    total = counts.sum()
    shares = counts[counts > 0] / total if total else np.zeros(0)
    return float(-np.sum(shares * np.log2(shares)))


def coarser(counts: Array, dtype: IntType, zero_point: int, grid: Grid) -> Array:
    """The histogram on ``grid`` of what ``counts`` has on the map's own: (levels of the grid,)."""
    steps = np.arange(dtype.low, dtype.high + 1) - zero_point
    levels = grid.dtype.high - grid.dtype.low + 1
    return np.bincount(grid.nearest(steps) - grid.dtype.low, weights=counts, minlength=levels)
