"""The assembly loops on virtual_m4: every integer, at sizes around their tiles, and executed
instructions of whole layers, which are exact, so that a slower kernel shows at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Padding, Rounding
from hwkit.ir.types import S16
from tests.firmware.single import check_instructions, check_integers, conv, dense, depthwise

pytestmark = pytest.mark.slow

BOARD = "virtual_m4"


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(depthwise((5, 5, 4)), id="a last row and column alone"),
        pytest.param(depthwise((1, 1, 3)), id="one output"),
        pytest.param(depthwise((6, 2, 5), rounding=Rounding.HALF_UP), id="a tile of columns"),
        pytest.param(depthwise((7, 9, 6), stride=2), id="stride 2"),
        pytest.param(depthwise((8, 8, 2), stride=2, pad=Padding(0, 1, 0, 1)), id="stride 2, even"),
        pytest.param(depthwise((4, 4, 2), multiplier=3), id="three outputs a channel"),
        pytest.param(depthwise((3, 4, 1), pad=Padding(4, 0, 3, 2)), id="a band of padding"),
        pytest.param(conv(3, 3, 5, bits=4), id="4 bits, 27 taps, a last pixel and channel alone"),
        pytest.param(conv(4, 8, 4, bits=4, kernel=1), id="4 bits, one word a row"),
        pytest.param(conv(4, 5, 3), id="45 taps"),
        pytest.param(dense(1, 3, bits=4), id="4 bits, one feature"),
        pytest.param(dense(37, 9, bits=4), id="4 bits, a last row alone"),
        pytest.param(dense(37, 9), id="a last row alone"),
        pytest.param(conv(3, 3, 5, rounding=Rounding.HALF_EVEN, offsets=True), id="offsets"),
        pytest.param(
            depthwise((5, 5, 4), rounding=Rounding.HALF_EVEN, offsets=True),
            id="offsets of channels",
        ),
        pytest.param(
            conv(3, 3, 5, dtype=S16), id="16 bits, 27 taps, a last pixel and channel alone"
        ),
        pytest.param(conv(4, 8, 3, dtype=S16, rounding=Rounding.HALF_UP), id="16 bits, 72 taps"),
        pytest.param(dense(37, 9, dtype=S16), id="16 bits, a last row alone"),
        pytest.param(depthwise((5, 7, 6), dtype=S16), id="16 bits, six channels"),
        pytest.param(
            depthwise((21, 1, 4), kernel=(9, 1), pad=Padding(4, 4), dtype=S16), id="16 bits, 1-D"
        ),
    ],
)
def test_every_integer(graph: Graph, tmp_path: Path) -> None:
    check_integers(graph, BOARD, tmp_path)


@pytest.mark.parametrize(
    ("graph", "most"),
    [
        pytest.param(conv(16, 16, 16), 1.35, id="conv"),
        pytest.param(conv(16, 16, 16, bits=4), 1.5, id="conv, 4 bits"),
        pytest.param(conv(16, 64, 64, kernel=1), 1.55, id="pointwise"),
        pytest.param(
            conv(16, 16, 16, rounding=Rounding.HALF_EVEN, offsets=True), 1.2, id="conv, offsets"
        ),
        pytest.param(dense(640, 128), 1.6, id="dense"),
        pytest.param(dense(640, 128, bits=4), 1.7, id="dense, 4 bits"),
        pytest.param(depthwise((24, 24, 32)), 2.5, id="wide"),
        pytest.param(depthwise((25, 5, 64)), 3.3, id="keyword spotting"),
        pytest.param(depthwise((6, 6, 128)), 2.8, id="person detection"),
        pytest.param(
            depthwise((12, 12, 64), stride=2, pad=Padding(0, 1, 0, 1)), 3.6, id="stride 2"
        ),
        pytest.param(conv(16, 16, 16, dtype=S16), 1.25, id="conv, 16 bits"),
        pytest.param(conv(16, 64, 64, kernel=1, dtype=S16), 1.3, id="pointwise, 16 bits"),
        pytest.param(dense(640, 128, dtype=S16), 1.3, id="dense, 16 bits"),
        pytest.param(depthwise((12, 12, 64), dtype=S16), 4.1, id="depthwise, 16 bits"),
    ],
)
def test_instructions_for_each_mac(graph: Graph, most: float, tmp_path: Path) -> None:
    check_instructions(graph, most, BOARD, tmp_path)
