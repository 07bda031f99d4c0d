"""Kernels that a build takes for some layers only, on virtual_m4: every integer, at sizes around
their tiles. Elsewhere they run as portable C; here their assembly does."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Padding
from hwkit.ir.types import S16
from tests.firmware.single import (
    SAME,
    check_instructions,
    check_integers,
    conv,
    dense,
    depthwise,
    window,
)

pytestmark = pytest.mark.slow

BOARD = "virtual_m4"
H8 = "conv2d_s8_h8"
BANDS = "depthwise_conv2d_s8_bands"
NARROW = "depthwise_conv2d_s8_narrow"
TURNED = "depthwise_conv2d_s8_turned"
TURNED16 = "depthwise_conv2d_s16_turned"
ALONG = Padding(4, 5, 0, 0)
ROUND = Padding(4, 5, 1, 1)
BEHIND = Padding(0, 1, 0, 1)
_TILES = {
    "one output channel": conv(5, 8, 1),
    "inner tiles": conv(14, 16, 4),
    "more": conv(6, 24, 7),
}


@pytest.mark.parametrize("size", sorted(_TILES))
@pytest.mark.parametrize(
    "kernel",
    [
        "conv2d_s8_winograd",
        "conv2d_s8_winograd_small",
        "conv2d_s8_winograd4",
        "conv2d_s8_winograd4_small",
    ],
)
def test_winograd(kernel: str, size: str, tmp_path: Path) -> None:
    check_integers(_TILES[size], BOARD, tmp_path, kernel)


@pytest.mark.parametrize(
    ("kernel", "graph"),
    [
        pytest.param("conv2d_s8_h8", conv(5, 6, 3, bits=7), id="54 taps"),
        pytest.param("conv2d_s8_h8", conv(3, 4, 2, bits=7, kernel=1), id="one word a row"),
        pytest.param("conv2d_s8_h8", conv(7, 8, 3, bits=7), id="a last pixel alone"),
        pytest.param(H8, window((5, 5, 12), 3, (1, 1)), id="pixels where they lie, one alone"),
        pytest.param(H8, window((3, 5, 3), 5, (1, 1)), id="pixels that end in a word"),
        pytest.param(H8, window((9, 6, 1), 5, (10, 4), stride=(2, 2), pad=ROUND), id="10x4x1"),
        pytest.param(H8, window((8, 8, 3), 8, (3, 3), stride=(2, 2), pad=BEHIND), id="3x3x3"),
        pytest.param(H8, window((6, 7, 2), 4, (3, 3), pad=SAME), id="two words a row"),
        pytest.param(H8, window((6, 7, 5), 4, (3, 3), pad=SAME), id="four words a row"),
        pytest.param(H8, window((7, 7, 3), 4, (3, 2), dilation=(1, 2), pad=SAME), id="dilated"),
        pytest.param(H8, window((7, 7, 4), 4, (2, 3), dilation=(2, 2), pad=SAME), id="dilated 4"),
        pytest.param(H8, window((2, 3, 4), 4, (2, 2), pad=Padding(3, 1, 4, 2)), id="padding alone"),
        pytest.param(H8, window((2, 3, 1), 4, (2, 2), pad=Padding(3, 1, 4, 2)), id="the same of 1"),
        pytest.param("dense_s8_h8", dense(37, 9, bits=7), id="a last row alone"),
        pytest.param("dense_s8_h8", dense(4, 8, bits=7), id="one quad, two fours of rows"),
        pytest.param("dense_s8_h8", dense(40, 6, bits=7), id="ten quads, two rows alone"),
        pytest.param("dense_s8_h8", dense(60, 7, bits=7), id="fifteen quads, three rows alone"),
        pytest.param(BANDS, depthwise((9, 5, 4)), id="a last row and column alone"),
        pytest.param(BANDS, depthwise((6, 2, 8)), id="a tile of columns"),
        pytest.param(BANDS, depthwise((3, 1, 4)), id="a column alone"),
        pytest.param(NARROW, depthwise((5, 18, 5)), id="parts of 8, 8 and 2 columns"),
        pytest.param(NARROW, depthwise((7, 19, 6), stride=2), id="parts at a stride of 2"),
        pytest.param(TURNED, depthwise((21, 1, 4), kernel=(9, 1), pad=ALONG), id="short, 1-D"),
        pytest.param(TURNED, depthwise((21, 1, 4), kernel=(17, 1), pad=ALONG), id="long, 1-D"),
        pytest.param(
            TURNED16,
            depthwise((21, 1, 4), kernel=(9, 1), pad=ALONG, dtype=S16),
            id="short, 1-D, 16 bits",
        ),
    ],
)
def test_others(kernel: str, graph: Graph, tmp_path: Path) -> None:
    check_integers(graph, BOARD, tmp_path, kernel)


@pytest.mark.parametrize(
    ("kernel", "graph", "most"),
    [
        pytest.param(H8, window((16, 16, 3), 16, (3, 3), pad=SAME), 1.44, id="3 channels"),
        pytest.param(H8, window((16, 16, 8), 16, (1, 1)), 1.97, id="8 channels, pointwise"),
        pytest.param(H8, window((8, 8, 64), 64, (1, 1)), 1.0, id="64 channels, pointwise"),
        pytest.param("dense_s8_h8", dense(640, 128, bits=7), 1.0, id="dense"),
    ],
)
def test_instructions(kernel: str, graph: Graph, most: float, tmp_path: Path) -> None:
    check_instructions(graph, most, BOARD, tmp_path, kernel)
