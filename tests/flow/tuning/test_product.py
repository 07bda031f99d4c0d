"""The loop as a product: a network made without training, real builds for a virtual board."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwkit.allocate import plan as plans
from hwkit.allocate.budget import parse
from hwkit.cli import _run
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.files import read_json
from hwkit.flow.tuning.product import Wanted, each_budget, tuned, widths_given
from hwkit.flow.tuning.run import maps_for, widths_for
from hwkit.flow.tuning.source import source_of
from hwkit.report import summary
from tests.flow.tuning.networks import BOARD, Made, tune

BUDGET = "latency=100ms,flash=16kB"
LEFT = (f"plan-{BOARD}.json", f"model-{BOARD}.hwk", f"{BOARD}/firmware.elf")


def contents(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in LEFT}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run that nothing ended early, and its steps."""
    said: list[str] = []
    run = tmp_path_factory.mktemp("tune") / "whole"
    done = tune(run, BUDGET, said.append)
    assert done.within_budget
    return run, said


def test_the_budget_holds_on_the_board(whole: tuple[Path, list[str]]) -> None:
    run, said = whole
    plan = plans.load(run / f"plan-{BOARD}.json")
    assert plan.weight_bits == {"first": 4, "last": 8}
    found = summary.load(run / "summary.json")
    assert found.tuning is not None
    (one,) = found.tuning.tried
    assert one.holds and one.title == found.tuning.chosen[BOARD] == "plan 1"
    got = one.state.figures()
    assert got["flash_bytes"] == read_json(run / BOARD / "deploy.json")["flash_bytes"] <= 16000
    for key in ("latency_cycles", "flash_bytes"):
        assert abs(got[key] - plan.predicted[key]) <= 0.03 * got[key]
    assert [part.differing for part in found.exactness] == [0]
    page = (run / "report.html").read_text()
    assert "Tuning" in page and "plan 1" in page
    assert len(said) == len(set(said)) + said.count("") and said[0] == "train-8"


def test_again_does_nothing_and_leaves_the_same(whole: tuple[Path, list[str]]) -> None:
    run, _ = whole
    said: list[str] = []
    before = contents(run)
    done = tune(run, BUDGET, said.append)
    assert said == [] and done.steps["done"] == 0
    assert contents(run) == before


def test_killed_at_every_step(whole: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Each process gets one step further than the one before, and the last one ends with the
    plan, the network and the image of a run that nobody killed."""
    run, steps = whole
    for killed_at in [*(1 for _ in steps), len(steps)]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.flow.tuning.networks", str(tmp_path / "run"),
             str(killed_at), BUDGET],
            check=False,
        )  # fmt: skip
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert done.returncode == 0
    assert contents(tmp_path / "run") == contents(run)
    names = {path.name for path in (run / "steps").iterdir()}
    assert {path.name for path in (tmp_path / "run" / "steps").iterdir()} == names


def test_maps_are_chosen_under_a_limit_of_sram(tmp_path: Path) -> None:
    done = tune(tmp_path, "sram=3kB", lambda line: None, maps=(8, 4), widths=(8,))
    assert done.within_budget
    assert done.plans[BOARD].weight_bits == {"first": 8, "last": 8}
    assert set(done.plans[BOARD].activation_bits) == {"first_out"}


def test_a_budget_that_no_plan_holds(tmp_path: Path) -> None:
    with pytest.raises(BudgetInfeasible, match="flash 2000 B, least reachable"):
        tune(tmp_path, "flash=2kB", lambda line: None)


def test_uniform_widths_beside_it(whole: tuple[Path, list[str]], tmp_path: Path) -> None:
    shutil.copytree(whole[0], tmp_path / "run")
    done = tune(tmp_path / "run", BUDGET, lambda line: None, baselines=True)
    assert done.summary.tuning is not None
    titles = [(t.title, t.kind, t.holds) for t in done.summary.tuning.tried]
    assert titles == [
        ("plan 1", "plan", True),
        ("all 8 bits", "uniform", False),
        ("all 6 bits", "uniform", False),
        ("all 4 bits", "uniform", True),
    ]


def test_the_cheapest_within_a_loss_of_accuracy(
    whole: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """All at 8 bits is 100 %, 25 points are four bits less."""
    shutil.copytree(whole[0], tmp_path / "run")
    done = tune(tmp_path / "run", "flash=1MB", lambda line: None, accuracy=-25.0)
    assert done.within_budget and done.plans[BOARD].weight_bits == {"first": 4, "last": 8}
    with pytest.raises(ConfigError, match="is a loss in percentage points"):
        tune(tmp_path, "flash=1MB", lambda line: None, accuracy=1.0)


def test_one_plan_for_two_boards(tmp_path: Path) -> None:
    boards = (BOARD, "virtual_m0")
    budgets = ("flash=1MB", "flash=16kB")
    wanted = Wanted(boards, budgets, widths=(8, 4), baselines=False, together=True)
    done = tuned(Made(), wanted, tmp_path, lambda line: None)
    assert done.within_budget
    assert tuple(done.plans) == boards
    assert all(p.weight_bits == {"first": 4, "last": 8} for p in done.plans.values())
    assert done.summary.tuning is not None
    assert [(t.board, t.title, t.holds) for t in done.summary.tuning.tried] == [
        (name, "plan 1", True) for name in boards
    ]


def test_what_does_not_fit_together(tmp_path: Path) -> None:
    for wanted, message in (
        (Wanted((BOARD,)), "nothing to hold"),
        (Wanted((BOARD, BOARD), ("flash=1kB",) * 2), "give each once"),
        (Wanted((BOARD,), accuracy=-1.0, together=True), "leave --together or --accuracy out"),
    ):
        with pytest.raises(ConfigError, match=message):
            tuned(Made(), wanted, tmp_path, lambda line: None)


def test_the_command(
    whole: tuple[Path, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("hwkit.flow.tuning.source.source_of", lambda *_: Made())
    shutil.copytree(whole[0], tmp_path / "run")
    command = ["tune", "two", "--board", BOARD, "--widths", "8,4", "--no-baselines"]
    asked = [*command, "--budget", BUDGET, "-o", str(tmp_path / "run")]
    assert _run([*asked, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["within_budget"] and printed["steps"]["done"] == 0
    assert printed["plans"][BOARD]["weight_bits"] == {"first": 4, "last": 8}
    (tried,) = printed["tried"]
    assert tried["title"] == "plan 1" and "flash_bytes" in tried["errors"]
    promised, got = tried["predicted"]["flash_bytes"], tried["state"]["flash_bytes"]
    assert tried["errors"]["flash_bytes"] == promised / got - 1
    assert _run(asked) == 0
    assert "plan 1       virtual_m4: accuracy 0.7500" in capsys.readouterr().out
    assert _run([*command, "--budget", "flash=2kB", "-o", str(tmp_path / "run")]) == 1
    assert "least reachable" in capsys.readouterr().err
    assert _run([*command, "-o", str(tmp_path / "run")]) == 2
    assert "give --budget" in capsys.readouterr().err


def test_widths_and_budgets_as_asked() -> None:
    assert widths_for([BOARD], None) == (8, 4, 2)
    assert widths_for(["rtl_sim"], None) == (8, 6, 5, 4, 3, 2)
    assert widths_for([BOARD, "rtl_sim"], None) == (8, 4, 2)
    assert widths_for([BOARD], (4, 3)) == (8, 4, 3)
    assert widths_given("8, 4") == (8, 4)
    assert each_budget(["a", "b"], ["flash=1kB"]) == ("flash=1kB", "flash=1kB")
    assert maps_for([parse("flash=1kB")], None) == ()
    assert maps_for([parse("sram=1kB")], None) == (8, 4, 2)
    assert maps_for([parse("sram=1kB")], (8,)) == ()
    for wrong in ("", "8,x", "44"):
        with pytest.raises(ConfigError, match="give numbers of bits"):
            widths_given(wrong)
    with pytest.raises(ConfigError, match="each is 2 to 8"):
        widths_for([BOARD], (9,))
    with pytest.raises(ConfigError, match="each is 2 to 8"):
        maps_for([], (1,))
    with pytest.raises(ConfigError, match="3 boards and 2 budgets"):
        each_budget(["a", "b", "c"], ["x", "y"])


def test_a_recipe_has_data_of_its_own() -> None:
    assert source_of("digits", None, {"test": None}).name == "digits"
    assert source_of("nets:Cnn", "x.npy", {"test": None}).name == "Cnn"
    with pytest.raises(ConfigError, match="a recipe names its own data"):
        source_of("digits", "x.npy", {})


def test_a_board_without_costs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tune for a microcontroller board"):
        tuned(Made(), Wanted(("hls4ml_csim",), ("flash=9kB",)), tmp_path, lambda line: None)
