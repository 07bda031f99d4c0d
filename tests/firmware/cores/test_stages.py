"""Layers in parts, each part computed by the kernels of a virtual board: tiled is whole."""

from __future__ import annotations

import pytest

from tests.examples import more
from tests.firmware.cores.conftest import BOARDS
from tests.firmware.mve.driver import Driver
from tests.firmware.stages import check

pytestmark = pytest.mark.slow

_CASES = 102
"""Over all boards."""
_NETWORKS = 2
"""Of each board."""


def test_parts_make_the_integers_of_the_whole(core: Driver) -> None:
    assert check(core, more(_NETWORKS), _CASES // len(BOARDS) // _NETWORKS) > 0
