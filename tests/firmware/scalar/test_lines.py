"""Kernels of the cores without SIMD whose rescale is a line of the sums: every integer, at sizes
around their tiles, and executed instructions of whole layers. Elsewhere they run as portable C;
here their assembly does."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Padding
from tests.firmware.scalar.counts import check_products
from tests.firmware.single import check_integers, conv, depthwise, on_a_line

pytestmark = pytest.mark.slow

BOARDS = ("virtual_m0", "virtual_rv32")
PAIRS = "conv2d_s8_pairs"
ROWS = "depthwise_conv2d_s8_rows"
STAIRS = "depthwise_conv2d_s8_stairs"


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(on_a_line(conv(3, 3, 5)), id="27 taps, channels left over, a pixel alone"),
        pytest.param(on_a_line(conv(2, 1, 1)), id="one tile, one channel"),
        pytest.param(on_a_line(conv(4, 64, 6, kernel=1)), id="whole groups"),
        pytest.param(on_a_line(conv(5, 8, 7), 3), id="two lines"),
    ],
)
def test_pairs(board: str, graph: Graph, tmp_path: Path) -> None:
    check_integers(graph, board, tmp_path, PAIRS)


@pytest.mark.parametrize(
    ("board", "kernel", "graph"),
    [
        pytest.param(BOARDS[1], ROWS, depthwise((5, 5, 3)), id="rows"),
        pytest.param(BOARDS[1], ROWS, depthwise((1, 1, 4)), id="rows, a pixel alone"),
        pytest.param(BOARDS[1], ROWS, depthwise((2, 9, 1)), id="rows, a channel alone"),
        pytest.param(BOARDS[0], STAIRS, depthwise((5, 5, 3)), id="a last row and column alone"),
        pytest.param(BOARDS[0], STAIRS, depthwise((6, 7, 2), stride=2), id="two phases"),
        pytest.param(
            BOARDS[0],
            STAIRS,
            depthwise((9, 1, 2), kernel=(4, 1), pad=Padding(), multiplier=2),
            id="four taps, two outputs for each channel",
        ),
    ],
)
def test_depthwise(board: str, kernel: str, graph: Graph, tmp_path: Path) -> None:
    check_integers(on_a_line(graph), board, tmp_path, kernel)


@pytest.mark.parametrize(
    ("board", "kernel", "graph", "most"),
    [
        pytest.param(BOARDS[0], PAIRS, conv(8, 64, 64, kernel=1), 3.2, id="pairs, M0+"),
        pytest.param(BOARDS[1], PAIRS, conv(8, 64, 64, kernel=1), 2.7, id="pairs, RV32"),
        pytest.param(BOARDS[0], STAIRS, depthwise((12, 12, 32)), 8.0, id="depthwise, M0+"),
        pytest.param(BOARDS[1], ROWS, depthwise((12, 12, 32)), 4.4, id="depthwise, RV32"),
    ],
)
def test_instructions_for_each_mac(
    board: str, kernel: str, graph: Graph, most: float, tmp_path: Path
) -> None:
    check_products(on_a_line(graph), board, kernel, most, tmp_path)
