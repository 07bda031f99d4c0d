"""Rehearsals of MLPerf Tiny on a virtual board, by hwkit and by a double of the runner; by the
runner itself where ``HWKIT_MLPERF_RUNNER`` is its folder."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hwkit.cli import _run
from hwkit.errors import ConfigError
from hwkit.flow.mlperf import rehearse as rehearsing
from hwkit.flow.mlperf import samples
from hwkit.flow.mlperf.answers import answers
from hwkit.flow.mlperf.record import FILES, Outcome, Plan, Record
from hwkit.flow.mlperf.rehearse import Request, rehearse
from hwkit.targets.mcu.package.networks import NETWORKS
from tests.flow.mlperf.models import CLOCK_HZ, dense, slow_board

RUNNER = os.environ.get("HWKIT_MLPERF_RUNNER")


def exact(summary: dict[str, Any], numbers: int) -> None:
    accuracy = summary["accuracy"]
    assert (accuracy["numbers"], accuracy["differing"]) == (numbers, 0)
    for figure in ("top1", "auc"):
        assert accuracy[figure] == accuracy["interpreter"][figure]


def test_hwkit_drives_a_board(tmp_path: Path) -> None:
    model, out = tmp_path / "m.hwk", tmp_path / "out"
    dense(490, 12).save(str(model))
    command = ["mlperf", "rehearse", str(model), "--board", slow_board(tmp_path), "-o", str(out)]
    assert _run([*command, "--submitter", "someone", "--division", "open"]) == 0
    summary = json.loads((out / "kws01" / "summary.json").read_text())
    exact(summary, (24 + 5) * 12)
    assert (summary["network"], summary["evidence"]) == ("kws01", "simulated")
    assert summary["accuracy"]["of"] is None and summary["quality"]["met"] is None
    windows = summary["performance"]["windows"]
    assert len(windows) == 5 and all(10_000_000 <= window["us"] < 12_000_000 for window in windows)
    rate = windows[0]["inferences"] / windows[0]["us"] * 1e6
    assert summary["performance"]["inferences_per_second"] == pytest.approx(rate, rel=0.01)
    # Dense of 490 to 12: between one and five cycles for each multiply-accumulate.
    assert 490 * 12 < CLOCK_HZ / rate < 5 * 490 * 12
    top = out / "open" / "someone"
    results = top / "results" / "slow_m4_hwkit" / "kws"
    assert out / summary["results"] == results
    for mode in ("performance", "accuracy"):
        assert sorted(path.name for path in (results / mode).iterdir()) == sorted(FILES)
    assert "Median throughput is" in (results / "performance" / "results.txt").read_text()
    system = json.loads((top / "systems" / "slow_m4_hwkit.json").read_text())
    assert (system["Status"], system["Hardware Notes"]) == ("rdi", "figures are simulated")
    assert (top / "code" / "kws" / "firmware.elf").is_file()
    page = (out / "kws01" / "summary.md").read_text()
    assert "no MLPerf result" in page and "Times are simulated (unicorn" in page


def test_a_runner_drives_a_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Path(RUNNER) if RUNNER else Path(__file__).parent / "double"
    if not RUNNER:  # it has no opinion on the host's time
        monkeypatch.setattr(rehearsing, "_RUN_S", 0.0)
    out = tmp_path / "out"
    (out / "kws01" / "firmware").mkdir(parents=True)  # of an earlier one, which this replaces
    (out / "kws01" / "old").write_text("")
    summary = rehearse(dense(490, 12), slow_board(tmp_path), out, Request(runner=runner))
    assert not (out / "kws01" / "old").exists()
    exact(summary, 29 * 12)
    assert summary["driver"] == "MLCommons runner" and summary["valid"]
    assert (out / summary["results"] / "accuracy" / "log.txt").is_file()


def test_files_of_several_windows_and_targets(tmp_path: Path) -> None:
    """A data set of two files, of three windows and of one; run whole, the target is judged."""
    facts = NETWORKS["ad01"]
    made = samples.made(facts, dense(640, 640, 0.4), 4, 3)
    long = replace(made[0], data=b"".join(file.data for file in made[:2]), stride=1280)
    folder = tmp_path / "data" / "ad01"
    samples.write([long, *made[1:]], folder, facts)
    request = Request(dataset=tmp_path / "data")
    summary = rehearse(dense(640, 640, 0.4), slow_board(tmp_path), tmp_path / "out", request)
    exact(summary, 3 + 3 + 5)
    assert (summary["accuracy"]["files"], summary["accuracy"]["of"]) == (4, 4)
    assert summary["quality"]["met"] == (summary["accuracy"]["auc"] >= 0.85)


def test_one_wrong_number_is_counted() -> None:
    facts, graph = NETWORKS["kws01"], dense(490, 12)
    files = samples.made(facts, graph, 12, 0)
    told = answers(facts, graph, [file.data for file in files])
    records = [Record(f.name, row, 1, 1) for f, row in zip(files, told, strict=True)]
    good = Outcome(records, Path())
    broken = Outcome([replace(records[0], results=(9.0, *told[0][1:])), *records[1:]], Path())
    short = Outcome(records[1:], Path())
    windows = Outcome(records[:5], Path())

    def differing(accuracy: Outcome) -> int:
        outcomes = {"accuracy": accuracy, "performance": windows}
        found = rehearsing._compared(facts, graph, files, outcomes)  # type: ignore[arg-type]
        assert found["numbers"] == 17 * 12
        return int(found["differing"])

    assert [differing(outcome) for outcome in (good, broken, short)] == [0, 1, 12]


def test_windows_fill_ten_seconds() -> None:
    class Slow:
        name = "slow"

        def load(self, sample: bytes) -> None:
            assert len(sample) == 490

        def infer(self, count: int, warmups: int) -> Record:
            return Record("", (), 300_000 * count, count)

    facts = NETWORKS["kws01"]
    (file,) = samples.made(facts, dense(490, 12), 1, 0)
    plan = rehearsing._plan(Slow(), facts, file, 0.0)  # type: ignore[arg-type]
    assert plan == Plan(facts, 34, 5)
    with pytest.raises(ConfigError, match="the runner waits 30 s"):
        rehearsing._plan(Slow(), facts, file, 1e9)  # type: ignore[arg-type]


def test_what_cannot_be_rehearsed(tmp_path: Path) -> None:
    graph, board, out = dense(490, 12), slow_board(tmp_path), tmp_path / "out"
    for request, said in (
        (Request(network="ic01"), "not ic01: it takes 490 integers to 12, not 3072 to 10"),
        (Request(runner=tmp_path), r"no main\.py there; give benchmark/runner"),
        (Request(submitter="a/b"), "submitter 'a/b'"),
        (Request(dataset=tmp_path / "none"), "none"),
    ):
        with pytest.raises(ConfigError, match=said):
            rehearse(graph, board, out, request)
    streaming = Request(runner=Path(__file__).parent / "double")
    with pytest.raises(ConfigError, match="the network alone"):
        rehearse(dense(1200, 3), board, out, streaming)
    assert not out.exists()
    (out / "kws01").mkdir(parents=True)
    (out / "kws01" / "thesis.txt").write_text("")
    with pytest.raises(ConfigError, match="was not made by a rehearsal"):
        rehearse(graph, board, out, Request())
