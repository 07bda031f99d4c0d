"""Winograd's F(4x4, 3x3) on the cores without SIMD: every integer, at sizes around its tiles, and
executed instructions of a whole layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Padding
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
    assert _instructions_for_each_product(conv(12, 24, 24), board, tmp_path) <= most


@pytest.mark.parametrize(("board", "most"), [("virtual_m0", 4.6), ("virtual_rv32", 2.94)])
def test_tiles_up_to_the_edges_of_the_map_have_no_border(
    board: str, most: float, tmp_path: Path
) -> None:
    """Without padding no tile has one; a border, one channel at a time, takes twice as long."""
    graph = conv(14, 4, 4, pad=Padding())
    assert _instructions_for_each_product(graph, board, tmp_path) <= most


def _instructions_for_each_product(graph: Graph, board: str, folder: Path) -> float:
    made = artifact(graph, board, folder, KERNEL)
    x = np.zeros((1, *graph.tensors["x"].shape), np.int8)
    ((layer,),) = sessions.profile(made, x, 1)
    assert layer.instructions is not None
    return layer.instructions / layer.macs
