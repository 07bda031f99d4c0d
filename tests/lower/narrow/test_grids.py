"""Grids of narrowed maps: the examples of the docstrings, and what is chosen by what was seen."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.ir.types import S8, U8, IntType
from hwkit.lower.narrow.grids import Grid, best_grid, coarser, entropy, squared_error

S4 = IntType(4, True)
GRID = Grid(S4, 16.0, -8)


def seen(*values: int, dtype: IntType = S8) -> np.ndarray:
    return np.bincount(np.array(values) - dtype.low, minlength=256)


def test_the_examples() -> None:
    assert GRID.nearest(np.array([23, 8, 7, -3, 255])).tolist() == [-7, -7, -8, -8, 7]
    assert GRID.steps(np.array([-8, -7, 7])).tolist() == [0, 16, 240]
    assert best_grid(seen(*range(16)), S8, 0, 4) == Grid(S4, 1.0, -8)
    assert entropy(np.array([1, 1])) == 1.0
    assert entropy(np.array([0, 0])) == entropy(np.array([7])) == 0.0


@pytest.mark.parametrize("dtype", [S8, U8])
def test_what_is_all_positive_takes_all_integers_for_it(dtype: IntType) -> None:
    grid = best_grid(seen(*range(dtype.low, dtype.high + 1), dtype=dtype), dtype, dtype.low, 4)
    assert grid.zero_point == grid.dtype.low and grid.dtype.signed == dtype.signed
    assert 15 * grid.step > 200


def test_zero_is_always_an_integer() -> None:
    for zero_point in range(-128, 128, 5):
        grid = best_grid(seen(*range(-128, 128)), S8, zero_point, 2)
        assert grid.steps(grid.nearest(np.array([0]))).tolist() == [0]


def test_rare_outliers_are_cut_off_and_frequent_ones_are_not() -> None:
    rare = best_grid(seen(*[*range(16)] * 1000, 120), S8, 0, 4)
    assert rare.steps(np.array([7]))[0] < 60
    frequent = best_grid(seen(*[*range(16)] * 3, *[120] * 100), S8, 0, 4)
    assert frequent.steps(np.array([7]))[0] > 115


@pytest.mark.parametrize("values", [range(-60, 61), [*range(-30, 90)] * 9 + [120], [-100, 3, 3]])
@pytest.mark.parametrize("bits", [2, 4])
def test_the_best_of_the_ranges_that_are_tried(values: list[int], bits: int) -> None:
    """The range seen, with zero, cut by 2**(k/8), k in 0..16, zero on an integer."""
    counts, steps = seen(*values), np.arange(-128, 128)
    low, high = min(*values, 0), max(*values, 0)
    dtype, errors = IntType(bits, True), {}
    for k in range(17):
        step = max(1.0, (high - low) * 2.0 ** (-k / 8) / (2**bits - 1))
        zero = dtype.low + int(np.floor(-low * 2.0 ** (-k / 8) / step + 0.5))
        grid = Grid(dtype, step, min(zero, dtype.high))
        errors[step] = squared_error(grid, counts, steps)
    found = best_grid(counts, S8, 0, bits)
    assert found.step in errors
    assert squared_error(found, counts, steps) == errors[found.step] == min(errors.values())


def test_the_coarser_histogram_has_all_that_was_seen() -> None:
    counts = seen(-128, -128, -120, 0, 127)
    grid = best_grid(counts, S8, -128, 4)
    assert coarser(counts, S8, -128, grid).sum() == 5
    assert coarser(seen(0), S8, 100, GRID).tolist() == [1, *[0] * 15]  # of all its integers
    assert entropy(coarser(counts, S8, -128, grid)) <= entropy(counts)


def test_a_grid_that_holds_all_that_was_seen_has_no_error() -> None:
    counts = seen(*range(0, 60, 4))
    steps = np.arange(-128, 128)
    assert squared_error(Grid(S4, 4.0, -8), counts, steps) == 0
    assert squared_error(best_grid(counts, S8, 0, 4), counts, steps) < 15 * 4


def test_nothing_seen_is_no_reason_to_fail() -> None:
    assert best_grid(np.zeros(256, np.int64), S8, 3, 4).step == 1.0
