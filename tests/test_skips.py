"""A skip that nobody expects fails a complete run; every run says what it did not test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.skips import Expected, Skip, expected, summary, unexpected

ROOT = Path(__file__).parents[1]
TESTS = {
    "test_one.py": (
        "import pytest\ndef test_runs(): pass\ndef test_gone(): pytest.skip('no qemu')\n"
    ),
    "test_lane.py": "import pytest\npytest.importorskip('no_such_lane')\n",
}


def ran(folder: Path, *arguments: str, ci: bool = False) -> tuple[int, str]:
    """Exit code and output of pytest on the two files with this project's ``conftest.py``."""
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    for name, text in TESTS.items():
        (folder / name).write_text(text)
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "."],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), **({"CI": "1"} if ci else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("arguments", "ci", "exit_code"), [([], False, 0), (["--complete"], False, 1), ([], True, 1)]
)
def test_an_unexpected_skip(arguments: list[str], ci: bool, exit_code: int, tmp_path: Path) -> None:
    left, printed = ran(tmp_path, *arguments, ci=ci)
    assert left == exit_code
    assert "unexpected skip: test_one.py::test_gone: no qemu" in printed
    assert "unexpected skip: test_lane.py: could not import 'no_such_lane'" in printed
    assert "not tested on this machine: 2 tests" in printed


def test_nothing_skipped(tmp_path: Path) -> None:
    left, printed = ran(
        tmp_path, "--complete", "--deselect=test_one.py::test_gone", "--ignore=test_lane.py"
    )
    assert left == 0 and "nothing was skipped" in printed


def test_an_entry_covers_its_tests_and_its_reason_only() -> None:
    skips = [
        Skip("tests/a/test_x.py::test_y[1]", "apt is not installed"),
        Skip("tests/b/test_x.py::test_y", "apt is not installed"),
        Skip("tests/a/test_x.py::test_z", "no time"),
    ]
    allowed = [Expected("tests/a/*", "^apt is", "elsewhere")]
    assert unexpected(skips, allowed) == skips[1:]
    assert unexpected(skips, []) == skips
    assert summary(skips) == (
        "not tested on this machine: 3 tests (apt is not installed: 2; no time: 1)"
    )


def test_the_list_is_whole() -> None:
    for entry in expected():
        assert entry.when and (ROOT / entry.tests.split("::")[0]).is_file()
