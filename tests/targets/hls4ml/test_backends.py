"""Backends other than Vitis: what they compute is exact, what they would not is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import ConfigError, UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    SumPool2d,
    Transpose,
)
from hwkit.ir.types import S8, S32, U8
from hwkit.targets.hls4ml import emit
from hwkit.targets.hls4ml.target import TARGET as hls4ml
from tests import sessions
from tests.conformance.graphs import inputs_for
from tests.targets.hls4ml.test_simulation import DOWN, EVEN, S4, U4, UP, Net


def network() -> Graph:
    """Every layer that all backends have: borders, roundings, a branch, a maximum, dense, a scale
    that is no power of two."""
    b = Net()
    b.input("x", (4, 4, 2), S8)
    around = Padding(1, 1, 1, 1)
    w1, b1 = b.weight("w1", (3, 3, 3, 2), S4), b.constant("b1", np.array([3, -5, 90]), S32)
    b.scaled(lambda n, y: Conv2d(n, "x", w1, b1, y, padding=around), "conv", S8, (3, 5, 4), EVEN)
    w2 = b.weight("w2", (3, 1, 1, 3), S4)
    b.scaled(lambda n, y: Conv2d(n, "conv_out", w2, None, y), "pw", S8, (3,), DOWN)
    b.scaled(lambda n, y: Add(n, ("conv_out", "pw_out"), y), "add", U8, (1,), UP)
    b.add(MaxPool2d("max", "add_out", "most", (2, 2), (2, 2)), U8)
    b.add(Pad("pad", "most", "padded", Padding(1, 0, 0, 1), 0), U8)
    b.add(Reshape("flat", "padded", "z"), U8, shape=(27,))
    wd = b.weight("wd", (4, 27), S4)
    b.scaled(lambda n, y: Dense(n, "z", wd, None, y), "fc", U4, (6,), EVEN)
    b.add(Dense("out", "fc_out", b.weight("wo", (3, 4), S8), None, "o"), S32)
    b.add(Requantize("any", "o", "y", Rescale((1518500250,), (35,), EVEN, -128, 127, 3)), S8)
    return b.build(["y"])


@pytest.mark.parametrize("name", ["hls4ml_quartus", "hls4ml_catapult"])
def test_every_layer_equals_the_interpreter(name: str, tmp_path: Path) -> None:
    lowered = hls4ml.lower(network(), boards.load(name))
    plan = hls4ml.emit(lowered)
    artifact = hls4ml.build(plan, lowered, tmp_path)
    x = inputs_for(lowered.graph, 30, 0)
    with hls4ml.open(artifact) as session:
        assert session.identity.build == plan.digest()
        with pytest.raises(ConfigError, match="timing: 30 samples"):
            session.timed({"x": x}, 1, 0)
    layers = sessions.layer_outputs(artifact, x)
    wanted = run(lowered.graph, {"x": x}, keep=[*layers, "y"])
    for layer, value in layers.items():
        np.testing.assert_array_equal(value, wanted[layer], err_msg=layer)
    np.testing.assert_array_equal(sessions.run(artifact, x), wanted["y"])
    assert artifact.facts["backend"] == emit.fpga(lowered.board).backend


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("depthwise", r"op_1: .* \(DepthwiseConv2D\); its sums are other integers there"),
        ("mean", r"op_1: .* \(AveragePooling2D\); its means are other integers there"),
        ("turn", r"op_1: .* \(Transpose\); its traced integers are in another order there"),
        ("clamp", r"op_clamp_2: .* \(UnaryLUT\); its tables do not compile there"),
    ],
)
def test_layers_that_would_be_wrong_are_refused(layer: str, message: str) -> None:
    b = Net()
    b.input("x", (4, 4, 2), S8)
    if layer == "depthwise":
        w = b.weight("w", (1, 2, 2, 2), S4)
        b.scaled(lambda n, y: DepthwiseConv2d(n, "x", w, None, y), "op", S8, (3,), EVEN)
    elif layer == "mean":
        b.scaled(lambda n, y: SumPool2d(n, "x", y, (2, 2), (2, 2)), "op", S8, (2,), EVEN)
    elif layer == "turn":
        b.add(Transpose("op", "x", "y", (2, 0, 1)), S8)
    else:
        w = b.weight("w", (2, 1, 1, 2), S4)
        b.scaled(lambda n, y: Conv2d(n, "x", w, None, y), "op", U8, (3,), EVEN)
        b.add(Clamp("clamp", "op_out", "z", 0, 6), U8)
    with pytest.raises(UnsupportedOp, match=message):
        hls4ml.lower(b.build([b.nodes[-1].output]), boards.load("hls4ml_quartus"))


def test_streams_and_unknown_backends_are_refused() -> None:
    board = boards.load("hls4ml_catapult")
    assert board.fpga is not None
    for fpga, message in [
        (replace(board.fpga, io_type="io_stream"), "Catapult with io_stream; take io_parallel"),
        (replace(board.fpga, backend="oneAPI"), "'oneAPI'; take one of Vitis, Vivado, Quartus"),
    ]:
        with pytest.raises(ConfigError, match=message):
            hls4ml.lower(network(), replace(board, fpga=fpga))
