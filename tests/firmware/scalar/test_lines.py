"""Kernels of the cores without SIMD that multiply two pixels or taps at once, and those whose
rescale is a line of the sums: every integer, at sizes around their tiles, and executed
instructions of whole layers. Elsewhere they run as portable C; here their assembly does."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Padding, Rounding
from tests.firmware.scalar.counts import check_products
from tests.firmware.single import check_integers, conv, dense, depthwise, on_a_line

pytestmark = pytest.mark.slow

BOARDS = ("virtual_m0", "virtual_rv32")
PAIRS = "conv2d_s8_pairs"
ROWS = "depthwise_conv2d_s8_rows"
NARROW = "depthwise_conv2d_s8_narrow"
STAIRS = "depthwise_conv2d_s8_stairs"
TAPS = "dense_s8_pairs"
TAPS_4_BIT = "dense_s8_s4_pairs"


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


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize(
    ("kernel", "graph"),
    [
        pytest.param(TAPS, on_a_line(dense(33, 5)), id="a last tap and row alone, careful blocks"),
        pytest.param(TAPS, on_a_line(dense(8, 7), 3), id="two blocks, two lines"),
        pytest.param(TAPS, dense(12, 4, bits=7, rounding=Rounding.FLOOR), id="on no line"),
        pytest.param(TAPS_4_BIT, dense(37, 6, bits=4), id="4 bits, five taps and two rows left"),
        pytest.param(
            TAPS_4_BIT, dense(8, 4, bits=4, rounding=Rounding.HALF_EVEN), id="4 bits, one block"
        ),
    ],
)
def test_dense(board: str, kernel: str, graph: Graph, tmp_path: Path) -> None:
    check_integers(graph, board, tmp_path, kernel)


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
        pytest.param(BOARDS[0], NARROW, depthwise((5, 18, 3)), id="8, 8 and 2 columns, M0"),
        pytest.param(BOARDS[0], NARROW, depthwise((7, 19, 2), stride=2), id="two phases, M0"),
        pytest.param(BOARDS[1], NARROW, depthwise((5, 18, 3)), id="8, 8 and 2 columns, RV32"),
        pytest.param(BOARDS[1], NARROW, depthwise((7, 19, 2), stride=2), id="two phases, RV32"),
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
        pytest.param(BOARDS[0], TAPS, dense(256, 64, bits=6), 2.8, id="dense, M0+"),
        pytest.param(BOARDS[1], TAPS, dense(256, 64, bits=6), 2.9, id="dense, RV32"),
    ],
)
def test_instructions_for_each_mac(
    board: str, kernel: str, graph: Graph, most: float, tmp_path: Path
) -> None:
    check_products(on_a_line(graph), board, kernel, most, tmp_path)


@pytest.mark.parametrize(("board", "most"), [(BOARDS[0], 2.9), (BOARDS[1], 2.6)])
def test_instructions_for_each_mac_of_4_bits(board: str, most: float, tmp_path: Path) -> None:
    check_products(dense(256, 64, bits=4), board, TAPS_4_BIT, most, tmp_path)
