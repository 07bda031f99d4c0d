"""A target and a board of another package: installed, found, and held to the same tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOY = Path(__file__).parents[1] / "plugins" / "toy"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package is installed into, as pip does it."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--disable-pip-version-check", "--target", str(folder)]
    subprocess.run([*pip, *options, str(TOY)], check=True, capture_output=True, text=True)
    return folder


def run(site: Path, *arguments: str) -> str:
    paths = os.pathsep.join((str(site), str(ROOT)))
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_board_is_listed_with_its_origin(site: Path) -> None:
    listed = json.loads(run(site, "-m", "hwkit", "boards", "--json"))["boards"]
    (toy,) = (board for board in listed if board["name"] == "toy")
    assert toy["target"] == "toy" and "toy" in toy["origin"]


def test_it_passes_conformance(site: Path) -> None:
    tests = "tests/conformance/test_targets.py"
    out = run(
        site, "-m", "pytest", "-q", tests, "-k", "random_graphs and toy", "-p", "no:cacheprovider"
    )
    assert "1 passed" in out


def test_it_serves_every_command(site: Path, tmp_path: Path) -> None:
    made = "from tests.conformance.plain import dense; dense().save(__import__('sys').argv[1])"
    model = str(tmp_path / "m.hwk")
    run(site, "-c", made, model)
    verified = json.loads(
        run(site, "-m", "hwkit", "verify", model, "--board", "toy", "-n", "5", "--json")
    )
    assert verified["differing"] == 0 and verified["integers"] > 0
    store = str(tmp_path / "m.sqlite")
    arguments = ["profile", model, "--board", "toy", "--json", "--store", store]
    taken = json.loads(run(site, "-m", "hwkit", *arguments))
    assert taken["evidence"] == "measured" and taken["identity"]["name"] == "hwkit-toy 1.0"
    run(site, "-m", "hwkit", "deploy", model, "--board", "toy", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "program.json").is_file()
