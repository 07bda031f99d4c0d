"""What becomes of each op, and what is refused in which words."""

from dataclasses import replace

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import ConfigError, UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    MaxPool2d,
    Op,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    Slice,
    Softmax,
    SoftmaxKind,
    SumPool2d,
)
from hwkit.ir.types import S8, S32, U8, IntType, Quantization
from hwkit.targets.hls4ml.dyadic import offsets
from hwkit.targets.hls4ml.network import network
from hwkit.targets.hls4ml.target import TARGET as hls4ml

BOARD = boards.load("hls4ml_csim")


def dense_graph(r: Rescale, facts: Quantization | None = None) -> Graph:
    b = GraphBuilder("tiny")
    b.input("x", (4,), S8, facts)
    b.constant("w", np.arange(-6, 6).reshape(3, 4), IntType(4, True))
    b.add(Dense("fc", "x", "w", None, "sum"), S32)
    b.add(Requantize("fc_out", "sum", "y", r), S8)
    return b.build(["y"])


def halved(shift: int, multiplier: int = 1, zero_point: int = 0) -> Rescale:
    return Rescale((multiplier,), (shift,), Rounding.HALF_EVEN, -128, 127, zero_point)


def test_the_rescale_is_in_the_weights_and_the_type() -> None:
    lowered = hls4ml.lower(dense_graph(halved(5)), BOARD)
    _, fc = lowered.plan.layers
    assert fc.class_name == "Dense"
    assert {key: str(value) for key, value in fc.precision.items()} == {
        "weight": "ap_fixed<4,-1>",
        "bias": "ap_ufixed<1,-4>",
        "accum": "ap_fixed<13,8>",
        "result": "ap_fixed<8,8,AP_RND_CONV,AP_WRAP>",
    }
    assert fc.data["weight_data"].tolist()[0] == [-6 / 32, -2 / 32, 2 / 32]


def test_a_power_of_two_may_be_written_in_many_ways() -> None:
    plain = hls4ml.emit(hls4ml.lower(dense_graph(halved(5)), BOARD))
    other = hls4ml.emit(hls4ml.lower(dense_graph(halved(35, 1 << 30)), BOARD))
    assert plain.digest() == other.digest()


def test_a_float_scale_is_a_layer_with_a_short_multiplier() -> None:
    lowered = hls4ml.lower(dense_graph(halved(37, 1518500250)), BOARD)
    _, fc, scale = lowered.plan.layers
    assert (fc.class_name, scale.class_name) == ("Dense", "BatchNormalization")
    assert str(fc.precision["result"]) == "ap_fixed<13,13>"
    assert scale.precision["scale"].bits <= 13
    assert (scale.precision["result"].rounding, scale.precision["result"].bits) == ("AP_TRN", 6)


def test_what_a_graph_states_of_scales_changes_nothing() -> None:
    plain, stated = (
        hls4ml.lower(dense_graph(halved(5), facts), BOARD).plan.layers
        for facts in (None, Quantization((0.1,)))
    )
    assert [layer.precision for layer in plain] == [layer.precision for layer in stated]


def test_zero_points_are_in_the_bias_and_in_the_offset() -> None:
    lowered = hls4ml.lower(dense_graph(halved(5, zero_point=3)), BOARD)
    # Halves go to the even integer, and 3 would make it the odd one: added behind the rounding.
    kinds = [layer.class_name for layer in lowered.plan.layers]
    assert kinds == ["Input", "Dense", "BatchNormalization", "BatchNormalization"]
    assert lowered.plan.layers[-1].data["bias_data"].tolist() == [3.0] * 3
    b = GraphBuilder("asymmetric")
    b.input("x", (4,), U8, Quantization((0.5,), 128))
    b.constant("w", np.ones((3, 4)), S8)
    b.add(Dense("fc", "x", "w", None, "y", input_zero_point=128), S32)
    _, fc = hls4ml.lower(b.build(["y"]), BOARD).plan.layers
    assert fc.data["bias_data"].tolist() == [-512.0] * 3


def test_a_zero_factor_gives_a_constant() -> None:
    scale = hls4ml.lower(dense_graph(halved(5, 0)), BOARD).plan.layers[-1]
    assert not scale.data["scale_data"].any()


def test_roundings_that_fixed_point_lacks_are_retargeted_and_said() -> None:
    r = Rescale((1 << 30,), (36,), Rounding.DOUBLE, -128, 127)
    lowered = hls4ml.lower(dense_graph(r), BOARD)
    assert lowered.retargeted == ("fc",)


def map_graph(*ops: Op, dtype: IntType = U8) -> Graph:
    b = GraphBuilder("maps")
    b.input("x", (6, 6, 4), dtype)
    b.constant("w", np.ones((4, 1, 3, 4)), S8)
    for op in ops:
        raw = isinstance(op, Conv2d | SumPool2d)
        shape = (36,) if isinstance(op, Reshape) else None
        b.add(op, S32 if raw else dtype, shape=shape)
    return b.build([b.nodes[-1].output])


def test_overlapping_pools_and_other_reshapes_need_io_parallel() -> None:
    halving = MaxPool2d("p", "x", "y", (2, 2), (2, 2))
    assert network(map_graph(halving), "auto").io_type == "io_stream"
    overlapping = map_graph(MaxPool2d("p", "x", "y", (3, 3), (2, 2)))
    assert network(overlapping, "auto").io_type == "io_parallel"
    with pytest.raises(UnsupportedOp, match="p: not supported by hls4ml_csim with io_stream"):
        network(overlapping, "io_stream")
    padded = MaxPool2d("p", "x", "y", (2, 2), (2, 2), Padding(1, 1, 1, 1))
    assert network(map_graph(padded, dtype=S8), "auto").io_type == "io_parallel"
    assert network(map_graph(padded), "auto").io_type == "io_stream"
    assert network(map_graph(halving, Reshape("r", "y", "z")), "auto").io_type == "io_parallel"
    one_row = map_graph(Conv2d("c", "x", "w", None, "y", stride=(2, 1)))
    assert network(one_row, "auto").io_type == "io_parallel"


def test_unsigned_borders_of_a_max_pool_are_padded_with_zeros() -> None:
    padded = MaxPool2d("p", "x", "y", (2, 2), (2, 2), Padding(1, 1, 1, 1))
    kinds = [layer.class_name for layer in network(map_graph(padded), "auto").layers]
    assert kinds == ["Input", "ZeroPadding2D", "MaxPooling2D"]


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (
            Slice("part", "x", "y", (0, 0, 0), (2, 2, 4), (1, 1, 1)),
            "part: .* Slice has no form: remove it",
        ),
        (
            AvgPool2d("mean", "x", "y", (2, 2), (1, 1), Padding(1, 0, 0, 0), 0, 255),
            "mean: .* windows leave the map; average without padding",
        ),
    ],
)
def test_unsupported(op: Op, message: str) -> None:
    with pytest.raises(UnsupportedOp, match=message):
        hls4ml.lower(map_graph(op), BOARD)


@pytest.mark.parametrize("dtype", [U8, S8])
def test_a_mean_of_any_window_is_a_sum_and_a_short_multiplier(dtype: IntType) -> None:
    mean = AvgPool2d("mean", "x", "y", (2, 3), (1, 1), NO_PADDING, dtype.low, dtype.high)
    layers = hls4ml.lower(map_graph(mean, dtype=dtype), BOARD).plan.layers
    assert [layer.class_name for layer in layers][1:] == ["DepthwiseConv2D", "BatchNormalization"]
    factor, added = (layers[-1].data[name][0] for name in ("scale_data", "bias_data"))
    sums = np.arange(6 * dtype.low, 6 * dtype.high + 1)
    means = np.sign(sums) * ((2 * np.abs(sums) + 6) // 12)
    np.testing.assert_array_equal(np.floor(sums * factor + added), means)


def test_softmax_is_left_to_the_host() -> None:
    b = GraphBuilder("soft")
    b.input("x", (4,), S8)
    b.add(Softmax("soft", "x", "y", 0.5, SoftmaxKind.FLOAT), S8)
    with pytest.raises(UnsupportedOp, match=r"soft: .* Softmax has no form"):
        hls4ml.lower(b.build(["y"]), BOARD)


def test_a_board_without_fpga_section_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no section"):
        hls4ml.lower(dense_graph(halved(5)), replace(BOARD, fpga=None))


def test_an_offset_is_a_bias_on_a_finer_grid() -> None:
    eighth = Rescale((1 << 30,), (33,), Rounding.HALF_EVEN, -8, 7, offset=(5 << 29,))
    assert offsets(eighth) == ((5,), 4)
    assert offsets(replace(eighth, rounding=Rounding.HALF_UP)) == ((2,), 3)
    layer = hls4ml.lower(dense_graph(eighth), BOARD).plan.layers[1]
    assert layer.precision["weight"].fraction == 3 and layer.precision["accum"].fraction == 4
    np.testing.assert_array_equal(layer.data["bias_data"] % 0.125, 1 / 16)


def test_names_are_identifiers() -> None:
    b = GraphBuilder("names")
    b.input("input", (4,), S8)
    b.constant("w", np.ones((3, 4)), S8)
    b.add(Dense("1 fc.out/ä", "input", "w", None, "y"), S32)
    names = [layer.name for layer in network(b.build(["y"]), "auto").layers]
    assert names == ["input_x_0", "x1_fc_out_1"]


def test_layers_that_nothing_needs_are_left_out() -> None:
    b = GraphBuilder("dead")
    b.input("x", (4,), S8)
    b.constant("w", np.ones((3, 4)), S8)
    b.add(Dense("used", "x", "w", None, "y"), S32)
    b.add(Dense("dead", "x", "w", None, "z"), S32)
    b.add(Clamp("idle", "y", "out", -(1 << 30), 1 << 30), S32)
    made = network(b.build(["out"]), "auto")
    assert [layer.name for layer in made.layers] == ["x_0", "used_1"]
    assert made.traced == {"x": "x_0", "y": "used_1", "out": "used_1"}


def test_a_graph_that_computes_nothing_is_refused() -> None:
    b = GraphBuilder("idle")
    b.input("x", (4,), S8)
    b.add(Clamp("clamp", "x", "y", -128, 127), S8)
    with pytest.raises(UnsupportedOp, match="it computes nothing"):
        network(b.build(["y"]), "auto")


def test_scales_too_far_apart_are_refused() -> None:
    r = Rescale((1, 1, 1), (0, 60, 3), Rounding.HALF_EVEN, -128, 127)
    with pytest.raises(UnsupportedOp, match="its scales and offsets make sums of 73 bits"):
        hls4ml.lower(dense_graph(r), BOARD)
