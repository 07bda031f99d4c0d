"""Winograd's F(4x4, 3x3) on the cores without SIMD: every integer, at sizes around its tiles, and
executed instructions of a whole layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.ir.ops import Padding
from tests.firmware.scalar.counts import check_products
from tests.firmware.single import check_integers, conv, on_a_line

KERNELS = ("conv2d_s8_winograd4", "conv2d_s8_winograd4_small")
SIZES = {"one output channel": (5, 8, 1), "inner tiles": (14, 16, 4), "more": (6, 24, 7)}


@pytest.mark.parametrize("size", sorted(SIZES))
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("board", ["virtual_m0", "virtual_rv32"])
def test_every_integer(board: str, kernel: str, size: str, tmp_path: Path) -> None:
    """The rescale has two lines."""
    check_integers(on_a_line(conv(*SIZES[size]), 3), board, tmp_path, kernel)


@pytest.mark.parametrize(
    ("board", "kernel", "most"),
    [
        ("virtual_m0", KERNELS[0], 1.5),
        ("virtual_rv32", KERNELS[0], 1.1),
        ("virtual_m0", KERNELS[1], 2.0),
        ("virtual_rv32", KERNELS[1], 1.55),
    ],
)
def test_instructions_for_each_product_of_the_direct_convolution(
    board: str, kernel: str, most: float, tmp_path: Path
) -> None:
    """The direct convolution takes 2.4 and 2.1."""
    check_products(on_a_line(conv(16, 32, 32), 3), board, kernel, most, tmp_path)


@pytest.mark.parametrize(("board", "most"), [("virtual_m0", 4.1), ("virtual_rv32", 2.75)])
def test_tiles_up_to_the_edges_of_the_map_have_no_border(
    board: str, most: float, tmp_path: Path
) -> None:
    """Without padding no tile has one; a border, one channel at a time, takes twice as long."""
    graph = on_a_line(conv(14, 4, 4, pad=Padding()), 3)
    check_products(graph, board, KERNELS[0], most, tmp_path)
