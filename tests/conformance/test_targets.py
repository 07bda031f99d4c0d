"""Random graphs through whole targets: lowered, emitted, built, run, every integer compared."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from hwkit import boards
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Op,
    Pad,
    Requantize,
    Reshape,
    Rounding,
    SoftmaxKind,
    SumPool2d,
)
from hwkit.ir.types import S8, U8, IntType
from tests.conformance.graphs import ALL_OPS, Space, graphs
from tests.conformance.run import check, lowered_or_none
from tests.emulators import skip_without_emulator
from tests.examples import more

EDGE = Space(
    activations=(S8, U8, IntType(5, False), IntType(6, True)), weight_bits=(4, 8), offsets=True
)


MCU = Space(
    ops=ALL_OPS,
    activations=(S8, U8, IntType(4, True), IntType(5, False)),
    weight_bits=(2, 3, 4, 6, 8),
    softmax=(SoftmaxKind.FIXED,),
    raw_output=True,
    offsets=True,
)

_DYADIC_OPS: tuple[type[Op], ...] = (
    Conv2d,
    DepthwiseConv2d,
    Dense,
    Add,
    SumPool2d,
    MaxPool2d,
    Requantize,
    Clamp,
    Pad,
    Reshape,
)
FPGA = Space(
    ops=_DYADIC_OPS,
    roundings=(Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.FLOOR),
    activations=(S8, U8, IntType(5, True), IntType(6, False)),
    weight_bits=(3, 6, 8),
    dyadic=True,
    dilation=False,
    offsets=True,
)


@pytest.mark.parametrize(
    ("board", "space", "examples"),
    [
        ("host_litert", EDGE, 60),
        ("host_tflm", EDGE, 60),
        pytest.param("virtual_m4", MCU, 30, marks=pytest.mark.slow),
        pytest.param("virtual_m0", MCU, 8, marks=pytest.mark.slow),
        pytest.param("virtual_m7", MCU, 4, marks=pytest.mark.slow),
        pytest.param("virtual_m33", MCU, 4, marks=pytest.mark.slow),
        pytest.param("virtual_m55", MCU, 4, marks=pytest.mark.slow),
        pytest.param("virtual_rv32", MCU, 8, marks=pytest.mark.slow),
        pytest.param("hls4ml_csim", FPGA, 8, marks=pytest.mark.slow),
    ],
)
def test_every_integer_of_random_graphs(board: str, space: Space, examples: int) -> None:
    skip_without_emulator(boards.load(board))
    accepted = refused = 0

    @settings(max_examples=more(examples))
    @given(graphs(space))
    def one(graph: Graph) -> None:
        nonlocal accepted, refused
        lowered = lowered_or_none(graph, board)
        if lowered is None:
            refused += 1
            return
        accepted += 1
        with tempfile.TemporaryDirectory() as folder:
            check(graph, lowered, Path(folder))

    one()
    # Refusals are honest, but a target that refused most graphs would prove nothing.
    assert accepted > refused
