"""Unrolled pipelines: exact for every rounding and op, an inference a cycle; large ones refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards, resources
from hwkit.boards import FpgaResources
from hwkit.errors import BudgetInfeasible, UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Op,
    Overflow,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    Sub,
    SumPool2d,
)
from hwkit.ir.types import S8, S32, U8, IntType
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.simulate import Simulation, simulate
from hwkit.targets.rtl.target import TARGET as rtl
from hwkit.targets.rtl.unrolled import unroll
from hwkit.targets.rtl.unrolled_arith import ROUNDINGS
from hwkit.toolchain import verilator
from tests.targets.rtl import networks

pytestmark = pytest.mark.slow

BOARD = boards.load("rtl_sim_unrolled")
WIDE = IntType(10, True)
S4, U4 = IntType(4, True), IntType(4, False)


def compiled(core: Core, folder: Path) -> Path:
    """A program that simulates ``core``: little is simulated, so it is not optimized."""
    for name, content in core.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    sources = [Path(name) for name in core.files if name.endswith(".v")]
    harness = resources.folder("hls") / "tb" / "rtl_core.cpp"
    return verilator.simulator(
        sources, "hwk_core", harness, folder / "sim", optimize="-O0", cwd=folder
    )


def check(graph: Graph, x: np.ndarray, folder: Path) -> Simulation:
    """Equal to the interpreter, at full rate and when both sides wait at random."""
    made = unroll(graph)
    program = compiled(made.core, folder)
    expected = np.asarray(graph.predict(x)).reshape(len(x), -1)
    assert (expected != expected[0]).any()
    for seed in (0, 1):
        done = simulate(made.core, program, (x,), seed=seed)
        np.testing.assert_array_equal(done.y[0], expected)
        if not seed:
            free = done
    assert free.interval_cycles == made.core.interval_cycles == 1
    assert free.latency_cycles == made.core.latency_cycles
    return free


class Net(GraphBuilder):
    """Random weights by name."""

    def __init__(self) -> None:
        super().__init__("net")
        self.rng = np.random.default_rng(3)

    def weight(self, name: str, shape: tuple[int, ...], dtype: IntType) -> str:
        return self.constant(name, self.rng.integers(dtype.low, dtype.high + 1, shape), dtype)


def rescales() -> list[Rescale]:
    """Factors above, below and at 1, limits of every kind, with and without a zero point."""
    factors = [(1, 0), (1, 1), (1, 3), (3, 2), (4, 1), (45, 11), (1613629561, 24)]
    limits = [(-128, 127), (0, 15), (0, 6), (-8, 7), (7, 7), (-6, 3)]
    made = [
        Rescale((m,), (s,), rounding, low, high, zero_point)
        for rounding in ROUNDINGS
        for m, s in factors
        for (low, high), zero_point in zip(limits, (0, 3, 0, 3, 0, 3), strict=True)
    ]
    wrapping = [
        Rescale((m,), (s,), rounding, low, high, 0, 0, Overflow.WRAP)
        for rounding in ROUNDINGS
        for m, s in [(1, 0), (1, 3), (45, 3)]
        for low, high in [(-8, 7), (0, 15), (0, 255)]
    ]
    offsets = [(1, 3, 5), (1 << 30, 33, 5 << 29), (1 << 30, 33, -(1 << 32) - 1), (45, 11, -9999)]
    offsets += [(3, 0, 2), (0, 3, 4), (4, 2, 6), (1, 3, 4 - (77 << 3))]
    moved = [
        Rescale((m,), (s,), rounding, -8, 7, 1, offset=(o,))
        for rounding in ROUNDINGS
        for m, s, o in offsets
    ]
    return [*made, *wrapping, *moved]


def one_value(dtype: IntType) -> Graph:
    """Every rescale of one integer, side by side."""
    b = GraphBuilder("rescales")
    b.input("x", (1,), dtype)
    outputs = []
    for k, r in enumerate(rescales()):
        held = IntType(10, True) if r.high < 255 else IntType(10, False)
        if r.overflow is Overflow.WRAP:
            bits = (r.high - r.low).bit_length()
            held = IntType(bits, r.low < 0)
        b.add(Requantize(f"r{k}", "x", f"z{k}", r), held)
        as_it_is = Rescale((1,), (0,), Rounding.FLOOR, WIDE.low, WIDE.high)
        outputs.append(b.add(Requantize(f"o{k}", f"z{k}", f"y{k}", as_it_is), WIDE))
    b.add(Concat("all", tuple(outputs), "y", 0), WIDE)
    return b.build(["y"])


@pytest.mark.parametrize("dtype", [S8, IntType(3, True)])
def test_every_rescale_of_every_value(dtype: IntType, tmp_path: Path) -> None:
    values = np.arange(dtype.low, dtype.high + 1)[:, np.newaxis].astype(dtype.container)
    check(one_value(dtype), values, tmp_path)


def network() -> Graph:
    """Convolutions with borders and strides, a branch, pools, a table, moved integers."""
    b = Net()
    b.input("image", (5, 4, 2), S8)

    def scaled(op: Op, dtype: IntType, *shifts: int) -> str:
        b.add(op, S32)
        r = Rescale((1,) * len(shifts), shifts, Rounding.HALF_EVEN, dtype.low, dtype.high)
        return b.add(Requantize(f"{op.name}_q", op.output, f"{op.name}_out", r), dtype)

    around = Padding(1, 1, 1, 1)
    w1, b1 = b.weight("w1", (3, 3, 3, 2), S4), b.constant("b1", np.array([90, -70, 3]), S32)
    x = scaled(
        Conv2d("conv", "image", w1, b1, "s1", (2, 1), around, input_zero_point=5), S8, 3, 4, 5
    )
    w2 = b.weight("w2", (1, 2, 2, 6), S4)
    scaled(DepthwiseConv2d("dw", x, w2, None, "s2"), S8, 3)
    w3 = b.weight("w3", (6, 1, 1, 6), IntType(2, True))
    halved = Rescale((1,), (1,), Rounding.HALF_UP, -(1 << 20), 1 << 20)
    branch = scaled(Conv2d("pw", "dw_out", w3, None, "s3"), S8, 1)
    x = scaled(Add("add", ("dw_out", branch), "s4", input_rescales=(None, halved)), S8, 0)
    b.constant("t", b.rng.integers(-128, 128, 256), S8)
    b.add(Lookup("table", x, "t", "looked"), S8)
    b.add(Clamp("clamp", "looked", "clamped", -60, 77), S8)
    b.add(MaxPool2d("max", "clamped", "most", (2, 2), (1, 1), Padding(0, 1, 0, 0)), S8)
    x = scaled(SumPool2d("sum", "most", "s5", (2, 1), (1, 1)), S8, 1)
    half = scaled(SumPool2d("half", "most", "s7", (2, 1), (1, 1)), S8, 2)
    x = scaled(Sub("sub", (x, half), "s6", (1, -2)), U8, 0)
    b.add(Reshape("flat", x, "z"), U8, shape=(int(np.prod(b.shape(x))),))
    w = b.weight("wd", (3, b.shape("z")[0]), S4)
    b.add(Dense("fc", "z", w, None, "y"), S32)
    return b.build(["y"])


def test_every_op(tmp_path: Path) -> None:
    graph = network()
    x = graph.tensors["image"]
    rng = np.random.default_rng(0)
    samples = rng.integers(x.dtype.low, x.dtype.high + 1, (200, *x.shape)).astype(np.int8)
    samples[0], samples[1] = -128, 127
    check(graph, samples, tmp_path)


def mlp(bits: int, *widths: int) -> Graph:
    b = Net()
    x = b.input("x", (widths[0],), S8)
    for k, (inputs, outputs) in enumerate(pairwise(widths)):
        w = b.weight(f"w{k}", (outputs, inputs), IntType(bits, True))
        b.add(Dense(f"fc{k}", x, w, None, f"s{k}"), S32)
        r = Rescale((1,), (bits + 2,), Rounding.HALF_UP, 0, 15)
        x = b.add(Requantize(f"q{k}", f"s{k}", f"x{k}", r), U4)
    return b.build([x])


@pytest.mark.parametrize("make", [networks.wires, networks.recurrent])
def test_several_inputs_outputs_and_states(make: Callable[[], Graph], tmp_path: Path) -> None:
    graph, steps = make(), 50
    core = unroll(graph).core
    program = compiled(core, tmp_path)
    feeds = networks.feeds_of(graph, steps, 4)
    wanted = run(graph, feeds)
    for seed in (1, 2, 0):
        done = simulate(core, program, tuple(feeds.values()), seed=seed)
        for name, y in zip(graph.outputs, done.y, strict=True):
            np.testing.assert_array_equal(y, wanted[name].reshape(steps, -1), name)
    assert done.latency_cycles == core.latency_cycles
    # Where there are states, an inference enters when the one before has written them.
    assert done.interval_cycles == core.interval_cycles == core.latency_cycles


def test_the_files_depend_on_the_network_alone() -> None:
    graph = mlp(3, 16, 12, 10)
    first, second = unroll(graph), unroll(graph)
    assert first.core.files == second.core.files
    assert 0 < first.lut < 2500 and 0 < first.ff < 1000
    assert first.core.sources[0].beats == first.core.sinks[0].beats == 1


def test_large_networks_are_refused_before_anything_is_made() -> None:
    with pytest.raises(BudgetInfeasible) as caught:
        rtl.lower(mlp(8, 784, 128, 10), BOARD)
    assert str(caught.value) == (
        "fc0 on rtl_sim_unrolled: 802816 bits of products are unrolled, at most 24000 in a layer; "
        "use fewer bits or a smaller model, or a board whose style is folded (rtl_sim)"
    )
    assert caught.value.exit_code == 1
    with pytest.raises(
        BudgetInfeasible, match=r"net on .*: 61440 bits of products .* at most 60000"
    ):
        rtl.lower(mlp(8, 48, 48, 48, 48, 16), BOARD)


def test_deep_networks_are_refused() -> None:
    b = GraphBuilder("deep")
    x = b.input("x", (1,), IntType(4, True))
    grown = Rescale((3,), (1,), Rounding.FLOOR, -8, 7)
    for k in range(1500):
        x = b.add(Requantize(f"r{k}", x, f"y{k}", grown), IntType(4, True))
    with pytest.raises(BudgetInfeasible, match=r"deep: 1500 layers are too many.*rtl_sim"):
        unroll(b.build([x]))


def test_a_part_that_is_too_small_is_refused_with_the_number() -> None:
    assert BOARD.fpga is not None
    small = FpgaResources(lut=500, ff=9_000, bram=1, bram_bits=18_432, dsp=0)
    board = replace(BOARD, fpga=replace(BOARD.fpga, resources=small))
    with pytest.raises(
        BudgetInfeasible, match=r"an estimated \d+ LUT, \d+ more than the 500 of LFE5U"
    ):
        rtl.lower(mlp(3, 16, 12, 10), board)


def rescaled(r: Rescale) -> Graph:
    b = GraphBuilder("one")
    b.input("x", (2,), S8)
    b.add(Requantize("r", "x", "y", r), S8)
    return b.build(["y"])


def test_what_has_no_circuit_is_refused_by_name() -> None:
    double = Rescale((1 << 30,), (33,), Rounding.DOUBLE, -128, 127)
    with pytest.raises(UnsupportedOp, match=r"r: not supported by unrolled RTL; it rounds double"):
        unroll(rescaled(double))
    fine = Rescale((1518500249,), (37,), Rounding.HALF_UP, -128, 127)
    with pytest.raises(UnsupportedOp, match=r"r: .* = 0.0110485 needs a shift of 37, at most 24"):
        unroll(rescaled(fine))
    far = Rescale((1,), (3,), Rounding.FLOOR, -128, 127, offset=(1 << 40,))
    with pytest.raises(
        UnsupportedOp, match=r"r: .* its offset 137438953472/2\*\*0 is out of reach"
    ):
        unroll(rescaled(replace(far, multiplier=(8,))))
    with pytest.raises(UnsupportedOp, match=r"one: .* its output is always 0"):
        unroll(rescaled(Rescale((1,), (0,), Rounding.FLOOR, 0, 0)))
    b = GraphBuilder("mean")
    b.input("x", (2, 2, 1), S8)
    b.add(AvgPool2d("p", "x", "y", (2, 2), (1, 1), Padding(), -128, 127), S8)
    with pytest.raises(UnsupportedOp, match=r"p: .* AvgPool2d has no form"):
        unroll(b.build(["y"]))
