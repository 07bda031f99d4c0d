"""Projects are really converted, compiled and run; each takes seconds, so each holds many ops."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, reject, settings

from hwkit import boards
from hwkit.boards import FpgaResources
from hwkit.errors import ConfigError, DeviceError, ToolFailed, ToolMissing, UnsupportedOp
from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Padding,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Rounding,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.types import S8, S16, S32, U8, IntType
from hwkit.target import Artifact
from hwkit.targets.hls4ml.capabilities import CAPABILITIES
from hwkit.targets.hls4ml.emit import COMPILE
from hwkit.targets.hls4ml.network import Network
from hwkit.targets.hls4ml.target import TARGET as hls4ml
from hwkit.toolchain import process
from tests import sessions
from tests.conformance.graphs import Space, graphs, inputs_for

pytestmark = pytest.mark.slow

BOARD = boards.load("hls4ml_csim")
U4 = IntType(4, False)
S4 = IntType(4, True)
EVEN, UP, DOWN = Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.FLOOR


def built(graph: Graph, out: Path) -> Artifact[Network]:
    lowered = hls4ml.lower(graph, BOARD)
    return hls4ml.build(hls4ml.emit(lowered), lowered, out)


def check(artifact: Artifact[Network], samples: int = 20) -> None:
    """Every output and every layer, on random inputs with both extremes among them."""
    graph = artifact.lowered.graph
    x = inputs_for(graph, samples, 0)
    layers = sessions.layer_outputs(artifact, x)
    wanted = run(graph, {graph.inputs[0]: x}, keep=[*layers, *graph.outputs])
    for name, value in layers.items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)
    np.testing.assert_array_equal(sessions.run(artifact, x), wanted[graph.outputs[0]])


class Net(GraphBuilder):
    """A chain of layers with random weights."""

    def __init__(self) -> None:
        super().__init__("net")
        self.rng = np.random.default_rng(7)

    def weight(self, name: str, shape: tuple[int, ...], dtype: IntType) -> str:
        return self.constant(name, self.rng.integers(dtype.low, dtype.high + 1, shape), dtype)

    def scaled(
        self, make: Callable[[str, str], Op], name: str, dtype: IntType, *rescale: object
    ) -> str:
        """The op, its accumulator and a requantization by (shifts, rounding)."""
        shifts, rounding = rescale
        assert isinstance(shifts, tuple) and isinstance(rounding, Rounding)
        self.add(make(name, f"{name}_sum"), S32)
        r = Rescale((1,) * len(shifts), shifts, rounding, dtype.low, dtype.high)
        return self.add(Requantize(f"{name}_q", f"{name}_sum", f"{name}_out", r), dtype)


def residual_network() -> Graph:
    """Signed and unsigned maps of 2 to 8 bits through convolutions, a branch and pools."""
    b = Net()
    x = b.input("image", (10, 10, 3), U8)
    w1 = b.weight("w1", (6, 3, 3, 3), S8)
    b1 = b.constant("b1", b.rng.integers(-9000, 9000, 6), S32)
    x = b.scaled(
        lambda n, y: Conv2d(n, "image", w1, b1, y, padding=Padding(0, 1, 1, 2)),
        "conv",
        U8,
        (9, 8, 9, 10, 7, 9),
        EVEN,
    )
    w2 = b.weight("w2", (1, 3, 3, 6), S4)
    x = b.scaled(
        lambda n, y: DepthwiseConv2d(n, "conv_out", w2, None, y, (2, 2), Padding(1, 1, 1, 1)),
        "dw",
        S4,
        (6,),
        UP,
    )
    w3 = b.weight("w3", (5, 1, 1, 6), IntType(2, True))
    trunk = b.scaled(lambda n, y: Conv2d(n, "dw_out", w3, None, y), "pw", U4, (1,), DOWN)
    w4 = b.weight("w4", (5, 3, 3, 5), S4)
    around = Padding(1, 1, 1, 1)
    branch = b.scaled(
        lambda n, y: Conv2d(n, trunk, w4, None, y, padding=around), "branch", S8, (4,), EVEN
    )
    halve = Rescale((1,), (1,), EVEN, -(1 << 20), 1 << 20)
    x = b.scaled(
        lambda n, y: Add(n, (trunk, branch), y, input_rescales=(None, halve)), "add", U4, (1,), EVEN
    )
    x = b.scaled(lambda n, y: SumPool2d(n, "add_out", y, (2, 2), (2, 2)), "mean", U4, (2,), EVEN)
    b.add(MaxPool2d("max", x, "max_out", (2, 2), (2, 2)), U4)
    b.add(Reshape("flat", "max_out", "flat_out"), U4, shape=(5 * b.shape("max_out")[0] ** 2,))
    wd = b.weight("wd", (10, b.shape("flat_out")[0]), S8)
    b.add(Dense("fc", "flat_out", wd, b.constant("bd", b.rng.integers(-9, 9, 10), S32), "y"), S32)
    return b.build(["y"])


def window_network() -> Graph:
    """What only io_parallel has, several outputs per channel, tables, wide activations."""
    b = Net()
    b.input("x", (6, 5, 2), S8)
    b.add(MaxPool2d("max", "x", "a", (3, 2), (1, 1), Padding(1, 0, 1, 1)), S8)
    w = b.weight("w", (1, 2, 3, 6), S8)
    around = Padding(1, 1, 1, 1)
    b.scaled(
        lambda n, y: DepthwiseConv2d(n, "a", w, None, y, (1, 2), around), "dw", S16, (2,), EVEN
    )
    b.add(Pad("pad", "dw_out", "b", Padding(0, 1, 0, 0), 0), S16)
    narrow = Rescale((1,), (7,), UP, -100, 77)
    b.add(Requantize("narrow", "b", "c", narrow), S8)
    b.constant("t", b.rng.integers(-128, 128, 256), S8)
    b.add(Lookup("table", "c", "t", "d"), S8)
    b.add(AvgPool2d("avg", "d", "e", (2, 2), (1, 1), NO_PADDING, -128, 127), S8)
    b.add(Clamp("clamp", "e", "f", -50, 127), S8)
    b.scaled(lambda n, y: SumPool2d(n, "f", y, (3, 2), (2, 1), around), "sum", U8, (1,), DOWN)
    b.add(Dense("fc", "sum_out", b.weight("wd", (3, 6), S4), None, "y"), S32)
    return b.build(["y"])


def scales_network(pool_stride: int) -> Graph:
    """Scales of any size by channel, zero points of maps and results, offsets, a dilated kernel, a
    border that is not 0, a difference and a product, the mean of six."""
    b = Net()
    b.input("x", (8, 8, 3), U8)

    def finish(op: Op, dtype: IntType, ratios: tuple[float, ...], zero_point: int = 0) -> str:
        name, pairs = op.output, [quantize_multiplier(ratio) for ratio in ratios]
        b.add(op, S32)
        multiplier, shift = zip(*pairs, strict=True)
        offset = tuple(int(b.rng.integers(-5 << s - 2, 5 << s - 2)) for s in shift)
        r = Rescale(multiplier, shift, EVEN, dtype.low, dtype.high, zero_point, offset=offset)
        return b.add(Requantize(f"{op.name}_q", name, f"{name}_q", r), dtype)

    w, d = b.weight("w", (4, 3, 3, 3), S4), b.weight("d", (1, 2, 2, 4), S8)
    around = Padding(1, 1, 1, 1)
    conv = Conv2d("conv", "x", w, None, "a", padding=around, input_zero_point=131)
    a = finish(conv, S8, (0.013, 0.021, 0.4, 0.0077), -5)
    wide = DepthwiseConv2d("wide", a, d, None, "c", dilation=(2, 2), input_zero_point=-5)
    c = finish(wide, U4, (0.0031,), 7)
    b.add(Pad("border", c, "e", around, 7), U4)
    third = Rescale((715827883,), (31,), UP, -(1 << 20), 1 << 20, 0, 10)
    diff = Sub("diff", ("a_q", "e"), "f", (-5, 7), (None, third))
    f = finish(diff, S8, (0.0019,), 3)
    g = finish(Mul("times", (f, "e"), "g", (3, 7)), S4, (0.011, 0.03, 0.002, 0.011), 1)
    b.add(AvgPool2d("mean", g, "h", (2, 3), (2, pool_stride), NO_PADDING, -8, 7), S4)
    height, width, channels = b.shape("h")
    b.add(Reshape("flat", "h", "i"), S4, shape=(height * width * channels,))
    fc = Dense("fc", "i", b.weight("v", (5, b.shape("i")[0]), S4), None, "j", 1)
    return b.build([finish(fc, U8, (0.37,), 100)])


def moves_network(streamed: bool) -> Graph:
    """Maps joined, repeated and (not in streams) turned; a PReLU."""
    b = Net()
    b.input("x", (4, 3, 2), S8)
    b.add(Clamp("limit", "x", "c", -9, 20), S8)
    b.constant("slope", np.array([[[3]]]), S4)
    above, below = (Rescale((m,), (3,), EVEN, -128, 127) for m in (6, 5))
    b.add(Prelu("prelu", "c", "slope", "p", above, below), S8)
    b.add(Concat("three", ("c", "p", "c"), "j", 2), S8)
    rows, columns = ((0, 0, 1, 1, 2, 2, 3, 3), (0, 0, 0, 1, 1, 1, 2, 2, 2))
    last = b.add(ResizeNearest("repeat", "j", "r", rows, columns), S8)
    if not streamed:
        b.add(Concat("below", (last, last), "k", 0), S8)
        b.add(Transpose("turn", "k", "t", (2, 0, 1)), S8)
        b.add(Concat("beside", ("t", "t"), "u", 1), S8)
        last = b.add(Reshape("flat", "u", "f"), S8, shape=(b.tensors["u"].elements,))
        last = b.add(Concat("twice", (last, last), "v", 0), S8)
    r = Rescale((123456789,), (38,), EVEN, -128, 127)
    weight = b.weight("w", (3, b.shape(last)[-1]), S4)
    b.add(Dense("fc", last, weight, None, "y", rescale=r), S8)
    return b.build(["y"])


@pytest.mark.parametrize(
    ("graph", "io_type"),
    [
        (moves_network(True), "io_stream"),
        (moves_network(False), "io_parallel"),
        (residual_network(), "io_stream"),
        (window_network(), "io_parallel"),
        (scales_network(3), "io_stream"),
        (scales_network(1), "io_parallel"),
    ],
)
def test_every_layer_equals_the_interpreter(graph: Graph, io_type: str, tmp_path: Path) -> None:
    artifact = built(graph, tmp_path)
    assert artifact.lowered.plan.io_type == io_type
    check(artifact)
    assert f"IOType: {io_type}" in (tmp_path / "hls4ml_config.yml").read_text()


def ports_network(streamed: bool) -> Graph:
    """Three inputs, one of them unused; outputs: a layer that others read, twice, an input as it
    is, an accumulator, and (not in streams) a new shape of another output."""
    b = Net()
    b.input("image", (4, 4, 2), U8)
    b.input("unused", (5,), S8)
    b.input("late", (4, 4, 3), S8)
    w = b.weight("w", (3, 3, 3, 2), S4)
    around = Padding(1, 1, 1, 1)
    deep = b.scaled(
        lambda n, y: Conv2d(n, "image", w, None, y, padding=around), "conv", S8, (5,), EVEN
    )
    b.add(Add("both", (deep, "late"), "sum"), S32)
    outputs = [deep, "sum", "late", deep]
    if not streamed:
        b.add(Reshape("flat", deep, "flat_deep"), S8, shape=(48,))
        outputs.insert(1, "flat_deep")
    return b.build(outputs)


@pytest.mark.parametrize("streamed", [True, False])
def test_several_inputs_and_outputs(streamed: bool, tmp_path: Path) -> None:
    graph = ports_network(streamed)
    artifact = built(graph, tmp_path)
    assert artifact.lowered.plan.io_type == ("io_stream" if streamed else "io_parallel")
    feeds = random_feeds(graph, 9, 3)
    with hls4ml.open(artifact) as session:
        found = session.infer(feeds, ["conv_sum", "conv_out"])
        none = session.infer({name: x[:0] for name, x in feeds.items()})
        assert (session.identity.kind, session.identity.evidence) == ("model", "estimated")
    wanted = run(graph, feeds, keep=[*graph.outputs, "conv_sum"])
    assert set(graph.outputs) <= set(found) <= set(wanted)
    for name, value in found.items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)
    assert {name: len(value) for name, value in none.items()} == dict.fromkeys(graph.outputs, 0)
    with pytest.raises(ConfigError, match=r"a project has no port"):
        hls4ml.open(artifact, "COM3")


def test_shared_multipliers_change_no_integer(tmp_path: Path) -> None:
    b = Net()
    b.input("x", (4, 4, 8), U4)
    w = b.weight("w", (64, 3, 3, 8), S4)
    around = Padding(1, 1, 1, 1)
    b.scaled(lambda n, y: Conv2d(n, "x", w, None, y, (2, 2), around), "conv", U4, (6,), EVEN)
    b.add(Reshape("flat", "conv_out", "z"), U4, shape=(256,))
    b.add(Dense("fc", "z", b.weight("wd", (20, 256), S4), None, "y"), S32)
    artifact = built(b.build(["y"]), tmp_path)
    assert [layer.reuse_factor for layer in artifact.lowered.plan.layers] == [1, 2, 1, 2]
    check(artifact)


SPACE = Space(
    ops=tuple(sorted(CAPABILITIES.ops - {AvgPool2d}, key=lambda op: op.__name__)),
    roundings=(EVEN, UP, DOWN),
    activations=(S8, U8, S4, IntType(5, False), IntType(2, False)),
    weight_bits=(2, 3, 4, 8),
    dyadic=True,
    dilation=False,
    max_ops=6,
    raw_output=True,
)


@settings(max_examples=6, phases=[Phase.generate])
@given(graph=graphs(SPACE))
def test_random_graphs(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        artifact = built(graph, tmp_path_factory.mktemp("random"))
    except UnsupportedOp:  # by name: tests/conformance/test_targets.py counts them
        reject()
    check(artifact, 6)


# A built folder, and what may have happened to it ---------------------------------------------


def tiny() -> Graph:
    b = Net()
    b.input("x", (4, 4, 2), U4)
    w = b.weight("w", (3, 3, 3, 2), S4)
    b.scaled(lambda n, y: Conv2d(n, "x", w, None, y), "conv", S8, (3,), EVEN)
    b.add(Reshape("flat", "conv_out", "z"), S8, shape=(12,))
    b.add(Dense("fc", "z", b.weight("wd", (2, 12), S4), None, "y"), S32)
    return b.build(["y"])


@pytest.fixture
def folder(tmp_path: Path, pristine: Path) -> Path:
    """A copy of a built folder: moving it must not matter."""
    return Path(shutil.copytree(pristine, tmp_path / "moved"))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny")
    built(tiny(), out)
    return out


def test_an_opened_folder_runs_without_compiling(folder: Path) -> None:
    before = (folder / "csim").stat().st_mtime_ns
    artifact = hls4ml.artifact(folder, hls4ml.lower(tiny(), BOARD))
    assert artifact.path.stat().st_mtime_ns == before
    check(artifact)
    empty = np.zeros((0, 4, 4, 2), np.uint8)
    assert sessions.run(artifact, empty).shape == (0, 2)


def test_the_test_bench_of_hls4ml_sees_the_golden_vectors(folder: Path) -> None:
    sources = ["network_test.cpp", "firmware/network.cpp"]
    log = folder / "bench.log"
    headers = "-Ifirmware/ap_types"
    process.run([*COMPILE, headers, *sources, "-o", "bench"], log, cwd=folder)
    process.run([str(folder / "bench")], log, cwd=folder)
    results = (folder / "tb_data" / "csim_results.log").read_text().split()
    path = folder / "tb_data" / "tb_output_predictions.dat"
    golden = path.read_text().split()
    assert len(golden) == 16 and [float(v) for v in results] == [float(v) for v in golden]
    compare = [sys.executable, "compare.py"]
    assert "csim_results.log: 0 of 16 integers differ" in process.run(compare, log, cwd=folder)
    path.write_text(path.read_text().replace(golden[0], str(int(golden[0]) + 1), 1))
    with pytest.raises(ToolFailed, match="exit code 1"):
        process.run(compare, log, cwd=folder)
    page = (folder / "README.md").read_text()
    assert "| conv_1 | 18 x 3 | `ap_fixed<4,1>` | 1 | Latency | 22 |" in page


def test_facts_and_profile_are_estimates(folder: Path) -> None:
    artifact = hls4ml.artifact(folder, hls4ml.lower(tiny(), BOARD))
    assert artifact.facts["evidence"] == artifact.board.evidence == "estimated"
    assert artifact.facts["part"] == "xc7z020clg400-1"
    assert set(artifact.facts["tools"]) == {"hls4ml", "g++"}
    runs = sessions.profile(artifact, inputs_for(tiny(), 1, 0), 2)
    assert len(runs) == 2
    # Each of 16 pixels enters, each of 4 windows is multiplied, in a stream; then the dense layer.
    assert [(row.name, row.macs, row.cycles, row.us) for row in runs[0]] == [
        ("conv", 2 * 2 * 3 * 18, 22, 0.22),
        ("flat", 0, 0, 0.0),
        ("fc", 24, 3, 0.03),
    ]
    assert artifact.facts["cycles_per_inference"] == 25
    assert artifact.facts["clock_hz"] == 100_000_000


def test_reuse_factors_of_a_budget_change_no_integer(tmp_path: Path) -> None:
    assert BOARD.fpga is not None
    small = FpgaResources(lut=20_000, ff=40_000, bram=40, bram_bits=1_474_560, dsp=40)
    board = replace(BOARD, fpga=replace(BOARD.fpga, resources=small))
    lowered = hls4ml.lower(tiny_dense(), board)
    factors = [layer.reuse_factor for layer in lowered.plan.layers if "weight" in layer.precision]
    assert factors == [16, 16]
    artifact = hls4ml.build(hls4ml.emit(lowered), lowered, tmp_path)
    check(artifact)
    assert "Strategy: Resource" in (tmp_path / "hls4ml_config.yml").read_text()
    assert artifact.facts["dsp"] <= 32


def tiny_dense() -> Graph:
    b = Net()
    b.input("x", (16,), S8)
    b.scaled(
        lambda n, y: Dense(n, "x", b.weight("w1", (16, 16), S8), None, y), "fc1", U8, (8,), EVEN
    )
    w2 = b.weight("w2", (10, 16), S8)
    b.add(Dense("fc2", "fc1_out", w2, None, "y"), S32)
    return b.build(["y"])


def test_a_changed_weight_is_what_runs_and_is_located(folder: Path) -> None:
    lowered = hls4ml.lower(tiny(), BOARD)
    header = next((folder / "firmware" / "weights").glob("w2.h"))
    text = header.read_text()
    first = re.search(r"\{(-?[\d.]+),", text)
    assert first is not None
    changed = "0.125" if float(first.group(1)) != 0.125 else "0.250"
    header.write_text(text.replace(first.group(0), f"{{{changed},", 1))
    artifact = hls4ml.artifact(folder, lowered)
    x = inputs_for(lowered.graph, 4, 1)
    expected = run(lowered.graph, {"x": x}, keep=["conv_out", "y"])
    assert not np.array_equal(sessions.run(artifact, x), expected["y"])
    layers = sessions.layer_outputs(artifact, x)
    different = np.argwhere(layers["conv_out"] != expected["conv_out"])
    assert len(different) and set(different[:, 3].tolist()) == {0}


def test_a_changed_description_is_converted_again(folder: Path) -> None:
    lowered = hls4ml.lower(tiny(), BOARD)
    description = json.loads((folder / "network.json").read_text())
    description["layers"][-1]["data"]["bias_data"][1] += 5.0
    description["layers"][-1]["types"]["bias"] = "ap_fixed<8,8>"
    (folder / "network.json").write_text(json.dumps(description))
    artifact = hls4ml.artifact(folder, lowered)
    x = inputs_for(lowered.graph, 3, 1)
    moved = sessions.run(artifact, x).astype(int) - run(lowered.graph, {"x": x})["y"]
    assert moved.tolist() == [[0, 5]] * 3


def test_another_network_is_refused(folder: Path, tmp_path: Path) -> None:
    assert BOARD.fpga is not None
    other = hls4ml.lower(tiny(), replace(BOARD, fpga=replace(BOARD.fpga, part="xc7a35t")))
    with pytest.raises(ConfigError, match="was built from another network"):
        hls4ml.artifact(folder, other)
    with pytest.raises(ConfigError, match="holds no hls4ml_csim build"):
        hls4ml.artifact(tmp_path / "nothing", other)


def test_a_broken_program_is_a_tool_failure(folder: Path) -> None:
    lowered = hls4ml.lower(tiny(), BOARD)
    (folder / "csim").write_text("#!/bin/sh\necho broken; exit 3\n")
    with pytest.raises(ToolFailed, match=r"csim.*failed with exit code 3.*csim.*\.log") as caught:
        sessions.run(hls4ml.artifact(folder, lowered), inputs_for(lowered.graph, 2, 0))
    assert "broken" in Path(caught.value.log).read_text()


def test_a_program_that_gives_nothing_is_noticed(folder: Path) -> None:
    lowered = hls4ml.lower(tiny(), BOARD)
    (folder / "csim").write_text('#!/bin/sh\n: > "$2"\n')
    with pytest.raises(DeviceError, match="gave 0 values instead of"):
        sessions.run(hls4ml.artifact(folder, lowered), inputs_for(lowered.graph, 2, 0))


def test_a_source_that_does_not_compile(folder: Path) -> None:
    (folder / "firmware" / "network.cpp").write_text("nonsense")
    with pytest.raises(ToolFailed, match=r"g\+\+ .*build\.log"):
        hls4ml.artifact(folder, hls4ml.lower(tiny(), BOARD))


def test_without_a_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "csim").unlink()
    lowered = hls4ml.lower(tiny(), BOARD)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolMissing, match=r"g\+\+ is not installed; apt install g\+\+"):
        hls4ml.artifact(folder, lowered)
