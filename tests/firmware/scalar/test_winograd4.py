"""Winograd's F(4x4, 3x3) on the cores without SIMD: every integer, at sizes around its tiles, and
executed instructions of a whole layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import sessions
from tests.firmware.single import artifact, check_integers, conv

BOARDS = ("virtual_m0", "virtual_rv32")
KERNEL = "conv2d_s8_winograd4"
SIZES = {"one output channel": (5, 8, 1), "inner tiles": (14, 16, 4), "more": (6, 24, 7)}


@pytest.mark.parametrize("size", sorted(SIZES))
@pytest.mark.parametrize("board", BOARDS)
def test_every_integer(board: str, size: str, tmp_path: Path) -> None:
    check_integers(conv(*SIZES[size]), board, tmp_path, KERNEL)


@pytest.mark.parametrize(("board", "most"), [("virtual_m0", 1.75), ("virtual_rv32", 1.45)])
def test_instructions_for_each_product_of_the_direct_convolution(
    board: str, most: float, tmp_path: Path
) -> None:
    """The direct convolution takes 3.3 and 2.7."""
    made = artifact(conv(12, 24, 24), board, tmp_path, KERNEL)
    ((layer,),) = sessions.profile(made, np.zeros((1, 12, 12, 24), np.int8), 1)
    assert layer.instructions is not None
    assert layer.instructions <= most * layer.macs, layer.instructions / layer.macs
