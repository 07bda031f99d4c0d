"""What Yosys reads in the Verilog is what Verilator simulates: its netlist, written out again,
gives the same integers in the same cycles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import resources
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.simulate import simulate
from hwkit.toolchain import process, verilator, yosys
from tests.conformance.graphs import inputs_for
from tests.targets.rtl.networks import mixed, moved, pointwise, signs
from tests.targets.rtl.together import random_folding

pytestmark = pytest.mark.slow

SAMPLES = 6


def elaborated(core: Core, folder: Path) -> Path:
    for name, content in core.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    sources = " ".join(sorted(name for name in core.files if name.endswith(".v")))
    script = (
        f"read_verilog -defer -sv {sources}; prep -flatten -top hwk_core; "
        "check -assert; write_verilog -noattr netlist.v"
    )
    process.run([yosys.find_program("yosys"), "-q", "-p", script], folder / "yosys.log", cwd=folder)
    harness = resources.folder("hls") / "tb" / "rtl_core.cpp"
    return verilator.simulator(
        [Path("netlist.v")], "hwk_core", harness, folder / "sim", optimize="-O0", cwd=folder
    )


@pytest.mark.parametrize(
    "graph", [mixed(), pointwise(), moved(), signs()], ids=lambda graph: graph.name
)
def test_the_netlist_of_yosys(graph: Graph, tmp_path: Path) -> None:
    core, _ = random_folding(graph, 1)
    program = elaborated(core, tmp_path)
    x = inputs_for(graph, SAMPLES, 4)
    y = run(graph, {graph.inputs[0]: x})[graph.outputs[0]].reshape(SAMPLES, -1)
    for seed in (0, 1):
        seen = simulate(core, program, (x,), seed=seed)
        np.testing.assert_array_equal(seen.y[0], y)
        if seed == 0:
            assert seen.latency_cycles == core.latency_cycles
