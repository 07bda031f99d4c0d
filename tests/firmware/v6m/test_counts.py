"""The Thumb-1 inner loops on virtual_m0: every integer, at sizes around their tiles, and executed
instructions of whole layers, which are exact, so that a slower kernel shows at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Rounding
from tests.firmware.single import check_instructions, check_integers, conv, dense, depthwise

pytestmark = pytest.mark.slow

BOARD = "virtual_m0"


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(conv(3, 3, 5), id="a last tile of one pixel, 27 taps"),
        pytest.param(conv(2, 1, 1, rounding=Rounding.HALF_UP), id="one tile"),
        pytest.param(conv(5, 8, 2, rounding=Rounding.FLOOR), id="a column of whole words"),
        pytest.param(conv(3, 3, 5, bits=4), id="4 bits, 27 taps"),
        pytest.param(dense(1, 3), id="one four"),
        pytest.param(dense(33, 4, rounding=Rounding.HALF_EVEN), id="an odd number of fours"),
        pytest.param(dense(8, 9, rounding=Rounding.FLOOR), id="two fours"),
        pytest.param(dense(37, 3, bits=4), id="4 bits, 37 features"),
        pytest.param(dense(8, 9, rounding=Rounding.HALF_EVEN, offsets=True), id="offsets"),
        pytest.param(depthwise((5, 5, 3)), id="depthwise, a last row and column alone"),
        pytest.param(depthwise((6, 7, 2), stride=2), id="depthwise, two phases"),
        pytest.param(depthwise((4, 6, 2), kernel=(1, 4)), id="depthwise, four taps"),
    ],
)
def test_every_integer(graph: Graph, tmp_path: Path) -> None:
    check_integers(graph, BOARD, tmp_path)


@pytest.mark.parametrize(
    ("graph", "most"),
    [
        pytest.param(conv(12, 16, 16), 3.7, id="conv"),
        pytest.param(conv(12, 16, 16, bits=4), 3.7, id="conv, 4 bits"),
        pytest.param(
            conv(12, 16, 16, rounding=Rounding.HALF_EVEN, offsets=True), 3.7, id="conv, offsets"
        ),
        pytest.param(dense(640, 128), 4.6, id="dense"),
        pytest.param(dense(640, 128, bits=4), 5.0, id="dense, 4 bits"),
        pytest.param(depthwise((12, 12, 32)), 10.5, id="depthwise"),
    ],
)
def test_instructions_for_each_mac(graph: Graph, most: float, tmp_path: Path) -> None:
    check_instructions(graph, most, BOARD, tmp_path)
