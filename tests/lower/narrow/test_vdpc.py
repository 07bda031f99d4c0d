"""Which patches hold outliers."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.errors import ConfigError
from hwkit.ir.types import IntType
from hwkit.lower.narrow.vdpc import ordinary, outlying

S8 = IntType(8, True)


def counts(*values: int) -> np.ndarray:
    return np.bincount(np.array(values) + 128, minlength=256)


def test_bounds_are_the_quantile_of_a_normal_distribution() -> None:
    assert ordinary(counts(-10, 10), S8) == (-20, 20)  # deviation 10, z 2.0537
    assert ordinary(counts(-10, 10), S8, 0.5) == (-6, 6)  # z 0.6745
    assert ordinary(counts(-128, 127, 127), S8, 0.9999) == (-128, 127)
    assert ordinary(counts(5, 5), S8) == (5, 5)
    assert ordinary(np.zeros(256, np.int64), S8) == (-128, 127)  # nothing seen


@pytest.mark.parametrize("phi", [0.0, 1.0, -1.0, 2.0])
def test_phi_is_a_share(phi: float) -> None:
    with pytest.raises(ConfigError, match=r"phi .* is a share between 0 and 1"):
        ordinary(counts(1), S8, phi)


def test_a_patch_is_judged_by_its_own_values() -> None:
    maps = np.zeros((2, 5, 4, 3), np.int8)
    maps[0, 1, 1, 2], maps[1, 2, 3, 0] = 9, -9
    found = outlying(maps, 2, (-8, 8))
    assert found.tolist() == [[[True, False], [False, False]], [[False, False], [False, True]]]
    assert not outlying(maps, 2, (-9, 9)).any()
