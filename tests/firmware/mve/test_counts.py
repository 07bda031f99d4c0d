"""Executed instructions of whole layers on virtual_m55: exact, so a slower kernel shows at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Padding, Rescale, Rounding
from hwkit.ir.types import S8
from hwkit.targets.mcu.target import TARGET as mcu
from tests import sessions
from tests.emulators import skip_without_emulator
from tests.firmware.single import SAME, check_instructions, depthwise, window

pytestmark = pytest.mark.slow


def _graph(kind: str) -> Graph:
    rng = np.random.default_rng(1)
    b = GraphBuilder(kind)
    outputs = {"conv": 16, "pointwise": 64, "depthwise": 64, "dense": 128}[kind]
    multipliers = tuple(rng.integers(1 << 30, (1 << 31) - 1, outputs).tolist())
    r = Rescale(multipliers, (40,) * outputs, Rounding.DOUBLE, -128, 127, 3)
    x, w = {
        "conv": ((12, 12, 16), (16, 3, 3, 16)),
        "pointwise": ((6, 6, 64), (64, 1, 1, 64)),
        "depthwise": ((8, 8, 64), (1, 3, 3, 64)),
        "dense": ((640,), (128, 640)),
    }[kind]
    b.input("x", x, S8)
    b.constant("w", rng.integers(-128, 128, w), S8)
    same = Padding(1, 1, 1, 1)
    if kind == "dense":
        b.add(Dense("op", "x", "w", None, "y", -5, rescale=r), S8)
    elif kind == "depthwise":
        b.add(DepthwiseConv2d("op", "x", "w", None, "y", (1, 1), same, (1, 1), -5, rescale=r), S8)
    else:
        padding = same if kind == "conv" else Padding(0, 0, 0, 0)
        b.add(Conv2d("op", "x", "w", None, "y", (1, 1), padding, (1, 1), -5, rescale=r), S8)
    return b.build(["y"])


@pytest.mark.parametrize(
    ("kind", "most"), [("conv", 0.29), ("pointwise", 0.38), ("depthwise", 1.9), ("dense", 0.2)]
)
def test_instructions_for_each_mac(tmp_path: Path, kind: str, most: float) -> None:
    board = boards.load("virtual_m55")
    assert board.mcu is not None
    skip_without_emulator(board)
    lowered = mcu.lower(_graph(kind), board)
    artifact = mcu.build(mcu.emit(lowered), lowered, tmp_path)
    x = np.zeros((1, *lowered.graph.tensors["x"].shape), np.int8)
    ((layer,),) = sessions.profile(artifact, x, 1)
    assert layer.instructions is not None
    assert layer.instructions <= most * layer.macs, layer.instructions / layer.macs


@pytest.mark.parametrize(
    ("kernel", "graph", "most"),
    [
        ("conv2d_s8_pairs", window((8, 8, 64), 64, (1, 1)), 0.22),
        ("conv2d_s8_pairs", window((16, 16, 8), 16, (1, 1)), 1.1),
        ("conv2d_s8_pairs", window((12, 12, 16), 16, (3, 3), pad=SAME), 0.2),
        ("depthwise_conv2d_s8_blocks", depthwise((8, 8, 64), low=-127), 1.23),
    ],
    ids=["pointwise", "few channels", "conv", "depthwise"],
)
def test_instructions_of_alternatives(
    kernel: str, graph: Graph, most: float, tmp_path: Path
) -> None:
    check_instructions(graph, most, "virtual_m55", tmp_path, kernel)
