"""A night's run tries more examples of the same properties."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROPERTY = """
from hypothesis import given, settings, strategies as st

tried = 0

@settings(max_examples=7)
@given(st.integers())
def test_property(x: int) -> None:
    global tried
    tried += 1

def test_count() -> None:
    print("tried", tried)
"""


@pytest.mark.parametrize("factor", [1, 3])
def test_examples_tried(factor: int, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_one.py").write_text(PROPERTY)
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root, "HWKIT_TEST_EXAMPLES": str(factor)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and f"tried {7 * factor}" in done.stdout
