"""The wheel has what a checkout has beside hwkit, and knows the commit that it was built from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import hwkit
from hwkit.revision import git

ROOT = Path(hwkit.__file__).parent.parent


def test_what_is_in_the_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.whl")
    with ZipFile(path) as wheel:
        names = set(wheel.namelist())
        commit = wheel.read("hwkit/_data/commit").decode()
        metadata = wheel.read(f"hwkit-{hwkit.__version__}.dist-info/METADATA").decode()
    assert commit.startswith(git(ROOT, "rev-parse", "HEAD")) and len(commit) > 40
    data = (
        "LICENSE", "boards/virtual_m4.toml", "parts/rp2040.toml", "firmware/kernels/kernels.inc",
        "firmware/template/hwk_numbers.h", "examples/digits/digits.tflite",
        "examples/digits/images.npy", "hls/rtl/shell",
    )  # fmt: skip
    for name in data:
        assert any(each.startswith(f"hwkit/_data/{name}") for each in names), name
    own = ("flow/project/README.md", "flow/project/github.yml", "report/style.css", "py.typed")
    assert {f"hwkit/{name}" for name in own} < names
    assert "License-Expression: Apache-2.0" in metadata and "Provides-Extra: mcu" in metadata
