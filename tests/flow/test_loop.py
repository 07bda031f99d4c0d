"""The loop on a short training run: measured costs, a plan, a retrained network, measured again."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("torch")

from hwkit.cli import _run
from hwkit.errors import ConfigError
from hwkit.flow import loop
from hwkit.flow.models import load
from hwkit.flow.profiling import profile
from hwkit.flow.training import train
from hwkit.profile import store
from hwkit.train.recipe import recipe_path

BOARD = "virtual_m4"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """mnist5k, one epoch of each kind: the digits are so small that the 4-bit kernels take more
    flash than 4-bit weights save."""
    folder = tmp_path_factory.mktemp("loop")
    recipe = folder / "short.toml"
    recipe.write_text(re.sub(r"epochs = \d+", "epochs = 1", recipe_path("mnist5k").read_text()))
    train(recipe, folder / "run", None, lambda line: None)
    return recipe, folder / "run"


def flash_range(run: Path) -> tuple[int, int]:
    """Flash at 8 bits everywhere, and with each layer at what takes least."""
    sensitivity = loop.read_sensitivity(run / "sensitivity.json")
    widest, least = loop.extremes(loop.cost_table(run, BOARD), sensitivity)
    return int(widest["flash_bytes"]), int(least["flash_bytes"])


def test_once_round(run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, folder = run
    most, least = flash_range(folder)
    assert least < most
    budget = f"latency=1s,flash={(most + least) // 2}B"
    path = tmp_path / "plan.json"
    arguments = ["allocate", str(folder), "--board", BOARD, "--budget", budget, "-o", str(path)]
    assert _run(arguments) == 0
    plan = json.loads(path.read_text())
    assert 4 in plan["weight_bits"].values()
    assert plan["predicted"]["flash_bytes"] <= (most + least) // 2

    facts = train(recipe, tmp_path / "again", path, lambda line: None, folder / "checkpoint.pt")
    assert facts["weight_bits"] == plan["weight_bits"]
    graph = load(tmp_path / "again" / "model.hwk")
    rows = profile(graph, BOARD, repeats=2, store=tmp_path / "db.sqlite")
    predicted = plan["predicted"]["latency_cycles"]
    assert rows.total.cycles is not None
    assert abs(rows.total.cycles - predicted) <= 0.03 * predicted
    (kept,) = store.read(tmp_path / "db.sqlite")
    assert kept.measurement == rows and rows.evidence == "simulated"
    assert rows.board == BOARD and rows.repeats == 2 and rows.toolchain


def test_the_front_goes_from_the_widest_to_the_least_flash(
    run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["allocate", str(run[1]), "--board", BOARD, "--budget", "latency=1s", "--json"]
    assert _run([*arguments, "--front", "flash", "-o", str(tmp_path / "plan.json")]) == 0
    printed = json.loads(capsys.readouterr().out)
    found = [plan["predicted"] for plan in printed["front"]]
    assert found[0] == printed["predicted"]
    assert found[-1]["flash_bytes"] == flash_range(run[1])[1]
    for one, other in pairwise(found):
        assert one["flash_bytes"] > other["flash_bytes"]
        assert one["sensitivity"] < other["sensitivity"]


def test_a_table_is_measured_once(run: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    _, folder = run
    first = loop.cost_table(folder, BOARD)

    def fail(*arguments: object, **named: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr("hwkit.targets.mcu.target.measure_costs", fail)
    assert loop.cost_table(folder, BOARD) == first
    path = folder / f"cost-{BOARD}.json"
    kept = path.read_text()
    for other in (kept[: len(kept) // 2], kept.replace('"key": "', '"key": "0')):
        path.write_text(other)
        with pytest.raises(AssertionError, match="measured"):
            loop.cost_table(folder, BOARD)
    path.write_text(kept)


def test_a_budget_that_cannot_be_met(
    run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    arguments = ["allocate", str(run[1]), "--board", BOARD, "--budget", "flash=1kB"]
    assert _run([*arguments, "-o", str(path)]) == 1
    line = capsys.readouterr().err
    found = re.search(r"flash 1000 B, least reachable (\d+) B", line)
    assert found and 1000 < int(found.group(1)) <= flash_range(run[1])[1]
    assert not path.exists()


@pytest.mark.parametrize(
    ("board", "budget", "message"),
    [
        (BOARD, "speed=9", "is not one of latency="),
        (BOARD, "flash=lots", "flash"),
        ("hls4ml_csim", "flash=9kB", "allocate on a microcontroller"),
        ("host_tflm", "flash=900kB", "its runtime times no layers"),
    ],
)
def test_wrong_requests(
    board: str,
    budget: str,
    message: str,
    run: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["allocate", str(run[1]), "--board", board, "--budget", budget]
    assert _run([*arguments, "-o", str(tmp_path / "p.json")]) == 2
    assert message in capsys.readouterr().err


def test_a_host_has_costs(run: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    arguments = ["allocate", str(run[1]), "--board", "host_litert", "--budget", "latency=1s"]
    assert _run([*arguments, "-o", str(path)]) == 0
    rows = json.loads((run[1] / "cost-host_litert.json").read_text())["table"]["rows"]
    assert all(row["us"] is not None and row["evidence"] == "measured" for row in rows)
    assert all(low <= row["us"] <= high for row in rows for low, high in [row["interval"]])


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no sensitivity\.json"):
        loop.allocate(tmp_path, BOARD, "flash=9kB", tmp_path / "p.json")
