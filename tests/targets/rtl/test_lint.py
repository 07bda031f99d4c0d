"""Verilator's lint over every Verilog module, each by itself with the parameters it starts with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hwkit import resources
from hwkit.errors import ToolMissing
from hwkit.toolchain import verilator

RTL = resources.folder("hls") / "rtl"
FOLDERS = (RTL, RTL / "shell", RTL / "unrolled")
TOPS = sorted(path for folder in FOLDERS for path in folder.glob("*.v"))
GENERATED = "hwk_serial"
"""Wants a device that is generated for each network."""
ALLOWED = {
    "WIDTHEXPAND": "Verilog sizes an expression by its context, and widths are parameters here",
    "WIDTHTRUNC": "the same; what is cut off is proved by the plan that chooses the parameters",
    "UNUSEDSIGNAL": "a module for all parameters leaves some wires unused with some of them",
}


@pytest.mark.parametrize("top", [p for p in TOPS if p.stem != GENERATED], ids=lambda p: p.stem)
def test_lint(top: Path) -> None:
    try:
        program = verilator.root() / "bin" / "verilator_bin"
    except ToolMissing as missing:
        pytest.skip(str(missing))
    command = [str(program), "--lint-only", "-Wall", "--no-timing", "--top-module", top.stem]
    command += [f"-Wno-{warning}" for warning in ALLOWED]
    command += [argument for folder in FOLDERS for argument in ("-y", str(folder))]
    environment = {"VERILATOR_ROOT": str(verilator.root()), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [*command, str(top)], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
