"""A whole search: networks of two shapes, really trained a little, built and measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("brevitas")
pytest.importorskip("sklearn")
pytest.importorskip("optuna")

from hwkit.cli import _run
from hwkit.errors import BudgetInfeasible
from hwkit.files import read_json
from hwkit.flow.search.product import Found, searched
from hwkit.flow.search.space import read_space
from hwkit.report import summary
from hwkit.train.recipe import read_recipe
from tests.flow.search.test_space import TINY

BOARD = "virtual_m4"
BUDGET = "latency=1ms,flash=16kB"


class Stopped(Exception):
    pass


def search(folder: Path, stop_at: int | None = None, budget: str = BUDGET) -> Found:
    """Ends by ``Stopped`` when step number ``stop_at`` begins, from 0."""
    begun: list[str] = []

    def say(line: str) -> None:
        if ": " in line:
            return
        if len(begun) == stop_at:
            raise Stopped
        begun.append(line)

    path = folder / "tiny.toml"
    path.write_text(TINY)
    return searched(read_space(path), BOARD, budget, folder / "run", say)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Found]:
    """Interrupted once in training, then ended."""
    folder = tmp_path_factory.mktemp("search")
    with pytest.raises(Stopped):
        search(folder, stop_at=7)
    assert not (folder / "run" / "search.json").exists()
    found = search(folder)
    assert found.facts["steps"] == {"done": 5, "kept": 7}
    return folder / "run", found


def test_what_is_left_is_whole(whole: tuple[Path, Found]) -> None:
    run, found = whole
    assert found.within_budget
    networks, winner = found.facts["networks"], found.facts["winner"]
    assert {one["chosen"]["blocks.conv1.channels"] for one in networks} == {2, 6}
    assert sorted(len(one["rungs"]) for one in networks) == [1, 2]
    (best,) = (one for one in networks if one["number"] == winner["number"])
    assert len(best["rungs"]) == 2 and best["holds"]
    assert (
        read_recipe(run / "recipe.toml").blocks[0].channels
        == best["chosen"]["blocks.conv1.channels"]
    )
    trained = read_json(run / "train.json")
    assert trained["accuracy"]["integer"] == winner["accuracy"]
    assert trained["test_images"] == 355  # of the data set, not those that the search held out
    kept = read_json(run / "search.json")
    assert kept["format"] == 1 and kept["winner"] == winner and "steps" not in kept
    whole_run = summary.load(run / "summary.json")
    (exact,) = whole_run.exactness
    assert (exact.inputs, exact.differing) == (16, 0)
    shown = whole_run.search
    assert shown is not None and shown.chosen == f"network {winner['number']}"
    assert "All shapes that were measured" in (run / "report.html").read_text()


def test_costs_are_known_before_training(whole: tuple[Path, Found]) -> None:
    winner = whole[1].facts["winner"]
    for key in ("latency_cycles", "flash_bytes", "sram_bytes"):
        assert winner["before_training"][key] == pytest.approx(winner["figures"][key], rel=0.05)


def test_started_again_it_has_nothing_to_do(
    whole: tuple[Path, Found], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    before = (run / "search.json").read_bytes()
    space = tmp_path / "tiny.toml"
    space.write_text(TINY)
    command = ["search", str(space), "--board", BOARD, "-o", str(run)]
    assert _run([*command, "--budget", BUDGET, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["steps"]["done"] == 0 and printed["winner"] == whole[1].facts["winner"]
    assert (run / "search.json").read_bytes() == before
    by_hand = ["--against", str(run / "recipe.toml")]  # that training is there
    assert _run([*command, "--budget", BUDGET, *by_hand]) == 0
    assert "winner: network" in capsys.readouterr().out
    kept = read_json(run / "search.json")
    (other,) = kept["against"]
    assert other["recipe"] == "tiny"
    assert other["held_out_accuracy"] == kept["winner"]["held_out_accuracy"]
    assert _run([*command, "--budget", "flash=1kB"]) == 1
    assert "flash_bytes 1000, least reached" in capsys.readouterr().err
    assert _run([*command, "--budget", "lut=1000"]) == 2
    assert "lut is not known there" in capsys.readouterr().err


def test_weights_alone_may_be_too_many(tmp_path: Path) -> None:
    with pytest.raises(
        BudgetInfeasible, match=r"flash_bytes 20, least reached .* in weights alone"
    ):
        search(tmp_path, budget="flash=20B")
