"""A sum of two maps as two tables: for every pair of integers."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.ir.types import Array
from hwkit.targets.mcu.add_line import DROPPED, SHIFT, Line, line

_X = np.arange(-128, 128, dtype=np.int64)


def _sums(made: Line) -> Array:
    first, second = (_X * m >> DROPPED for m in made.multipliers)
    return (first[:, np.newaxis] + second + made.start) >> SHIFT


def test_plain_sums() -> None:
    values = np.clip(_X[:, np.newaxis] + _X, -128, 127)
    made = line(values, (1.0, 1.0))
    assert made is not None and made.multipliers == (1 << 29, 1 << 29)
    assert np.array_equal(np.clip(_sums(made), -128, 127), values)


@pytest.mark.parametrize("slopes", [(0.3137, 1.7071), (0.7713, 0.0331)])
def test_slopes(slopes: tuple[float, float]) -> None:
    real = slopes[0] * _X[:, np.newaxis] + slopes[1] * _X + 0.23713
    values = np.clip(np.floor(real).astype(np.int64), -128, 127)
    made = line(values, slopes)
    assert made is not None
    assert np.array_equal(np.clip(_sums(made), -128, 127), values)


def test_none() -> None:
    values = np.clip(_X[:, np.newaxis] + _X, -128, 127)
    bent = values.copy()
    bent[100, 100] += 3
    assert line(bent, (1.0, 1.0)) is None
    assert line(values, (4.5, 1.0)) is None
