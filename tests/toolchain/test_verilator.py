"""Simulations are compiled with what g++ has made of Verilator's headers before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hwkit.toolchain import verilator

INVERTER = "module inverter (input wire [7:0] a, output wire [7:0] b); assign b = ~a; endmodule"
HARNESS = """
#include "Vhwk.h"
#include <cstdio>
int main() {
  Vhwk top;
  top.a = 0x5a;
  top.eval();
  std::printf("%x", static_cast<unsigned>(top.b));
}
"""


def test_a_simulation_and_the_header_that_was_compiled_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "a cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (tmp_path / "inverter.v").write_text(INVERTER)
    (tmp_path / "main.cpp").write_text(HARNESS)
    sources = [tmp_path / "inverter.v"]
    program = verilator.simulator(
        sources, "inverter", tmp_path / "main.cpp", tmp_path / "sim", optimize="-O0"
    )
    assert subprocess.check_output([program]) == b"a5"

    (compiled,) = (cache / "hwkit" / "verilator").glob("*.gch")
    header = compiled.with_suffix("")
    include = verilator.root() / "include"
    (tmp_path / "empty.cpp").write_text("")
    command = ["g++", *verilator.CXX_FLAGS, "-O0", "-H", "-fsyntax-only"]
    command += ["-isystem", str(include), "-isystem", str(include / "vltstd")]
    command += ["-include", str(header), str(tmp_path / "empty.cpp")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert f"! {compiled}" in done.stderr  # read, and taken for valid
