"""Layers in parts, each part computed by the kernels: tiled is whole, in the planned memory."""

from __future__ import annotations

from tests.examples import more
from tests.firmware.kernels.driver import VARIANTS, Driver
from tests.firmware.stages import check

_CASES = 10_000
"""Over all variants."""
_NETWORKS = 10
"""Of each variant."""


def test_parts_make_the_integers_of_the_whole(driver: Driver) -> None:
    cases = _CASES // len(VARIANTS) // _NETWORKS
    assert check(driver, more(_NETWORKS), cases) > _NETWORKS * cases // 3
