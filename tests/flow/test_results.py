"""``results`` and ``compare``: rows for other tools, and regressions that are there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit.cli import _run
from hwkit.flow.results import row
from hwkit.profile import store
from hwkit.profile.book import CostBook
from hwkit.profile.compare import compare
from hwkit.profile.measurement import Measurement
from hwkit.profile.medians import medians
from hwkit.profile.prediction import Prediction
from hwkit.profile.statistics import spread
from hwkit.profile.store.costs import LayerCost
from hwkit.profile.store.measurements import Stored
from hwkit.target import LayerTiming
from tests.profile.example import MEASUREMENT

OLD, NEW = "a" * 40, "b" * 40


def noisy(us: float, count: int, seed: int, model: str = "m") -> list[Measurement]:
    """Measurements with noise of 1 %."""
    rng = np.random.default_rng(seed)
    return [
        replace(
            MEASUREMENT, model=model, total=replace(MEASUREMENT.total, cycles=None, us=float(t))
        )
        for t in us * (1 + 0.01 * rng.standard_normal(count))
    ]


def test_a_planted_regression_of_3_percent_is_found_and_no_other() -> None:
    names = [f"m{k}" for k in range(20)]
    before = [row for k, name in enumerate(names) for row in noisy(100, 12, k, name)]
    after = [
        row
        for k, name in enumerate(names)
        for row in noisy(103 if name == "m7" else 100, 12, 100 + k, name)
    ]
    found = [of for of in compare(before, after) if of.figure == "us"]
    assert len(found) == 20
    assert [of.model for of in found if of.is_slower(0.01)] == ["m7"]
    assert not any(of.is_faster(0.01) for of in found)


def test_times_that_differ_from_session_to_session_are_no_regressions() -> None:
    """Rows within a session agree to a thousandth, sessions to five percent."""
    rng = np.random.default_rng(5)

    def session(k: int, us: float, drift: float) -> list[Measurement]:
        measured = replace(MEASUREMENT, identity=replace(MEASUREMENT.identity, kind="hardware"))
        total = replace(measured.total, cycles=None, instructions=None)
        times = us * (1 + drift) * (1 + 0.001 * rng.standard_normal(5))
        return [replace(measured, model=f"m{k}", total=replace(total, us=float(t))) for t in times]

    def slower(us: float, drifts: float) -> list[str]:
        before = [row for k in range(20) for row in session(k, 100, 0.0)]
        after = [
            row
            for k in range(20)
            for row in session(k, us if k == 7 else 100, drifts * rng.uniform(-1, 1))
        ]
        return [of.model for of in compare(before, after) if of.is_slower(0.01)]

    assert slower(100, 0.05) == []
    assert slower(130, 0.05) == ["m7"]
    assert slower(103, 0.001) == ["m7"]
    # All of a board by as much is no noise.
    before = [row for k in range(20) for row in session(k, 100, 0.0)]
    after = [row for k in range(20) for row in session(k, 103, 0.0)]
    assert sum(of.is_slower(0.01) for of in compare(before, after)) == 20


def test_counted_figures_have_an_interval_of_one_point() -> None:
    slower = replace(MEASUREMENT, total=replace(MEASUREMENT.total, cycles=103))
    faster = replace(MEASUREMENT, total=replace(MEASUREMENT.total, cycles=100))
    found = {of.figure: of for of in compare([faster], [slower])}
    assert (found["cycles"].ratio, found["cycles"].low, found["cycles"].high) == (1.03,) * 3
    assert compare([faster], [replace(slower, board="other")]) == []
    assert compare([faster], [replace(slower, options={"optimize": "size"})]) == []
    assert compare([faster], [replace(slower, board="other")], across_boards=True)


def kept(path: Path) -> Path:
    for commit, cycles in ((OLD, 100), (NEW, 103)):
        total = replace(MEASUREMENT.total, cycles=cycles)
        store.add(replace(MEASUREMENT, commit=commit, total=total), path)
    return path


def test_compare_says_by_its_exit_code_whether_something_is_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(kept(tmp_path / "s.db"))
    assert _run(["compare", OLD[:8], NEW[:8], "--store", path]) == 1
    assert "SLOWER" in capsys.readouterr().out
    assert _run(["compare", NEW[:8], OLD[:8], "--store", path]) == 0
    assert _run(["compare", OLD[:8], NEW[:8], "--store", path, "--threshold", "0.05"]) == 0
    assert _run(["compare", path, path, "--json"]) == 0
    capsys.readouterr()
    assert _run(["compare", OLD[:8], "--store", path, "nonsense"]) == 2
    assert _run(["compare", OLD[:8], "virtual_m4", "--store", path]) == 2
    capsys.readouterr()


def test_results_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    path, out = str(kept(tmp_path / "s.db")), tmp_path / "r.parquet"
    assert _run(["results", "--store", path, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["cycles"] for row in rows] == [100, 103]
    assert _run(["results", "--store", path, "--csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert _run(["results", "--store", path, "--parquet", "-o", str(out)]) == 0
    assert list(pandas.read_parquet(out)["cycles"]) == [100, 103]
    assert _run(["results", "--store", path, "--parquet"]) == 2
    assert _run(["results", "--store", path]) == 0
    shown = capsys.readouterr().out
    assert rows[0]["board"] in shown and OLD[:12] in shown


def test_a_store_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["results", "--store", str(tmp_path / "typo.db")]) == 2
    assert "typo.db: no such store" in capsys.readouterr().err
    assert _run(["results", "--store", "mysql://host/name"]) == 2
    assert "postgresql://user@host/name" in capsys.readouterr().err


def test_releases_are_compared_by_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.db"
    for commit, cycles in (("hwkit 0.1.0", 100), ("hwkit 0.2.0", 103)):
        total = replace(MEASUREMENT.total, cycles=cycles)
        store.add(replace(MEASUREMENT, commit=commit, total=total), path)
    assert _run(["compare", "hwkit 0.1.0", "hwkit 0.2.0", "--store", str(path)]) == 1
    assert "SLOWER" in capsys.readouterr().out


def test_costs_of_layers_with_their_intervals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "m.sqlite"
    layer = {"op": "Dense", "inputs": ["s8[8]"], "constants": ["s4[2,8]"], "output": "s8[2]"}
    times = {"us": spread([2.4, 2.5, 2.5, 2.5, 2.5, 2.7])}
    cost = LayerCost("m4", "measured", layer, {"clock": 1}, 16, us=2.5, repeats=32, drift=0.01,
                     spread=times, model="net")  # fmt: skip
    CostBook(store).keep([cost])
    _run(["results", "--costs", "--store", str(store), "--json"])
    (of,) = json.loads(capsys.readouterr().out)["rows"]
    assert (of["us"], of["low"], of["high"], of["repeats"]) == (2.5, 2.4, 2.7, 32)
    assert (of["op"], of["constants"], of["model"]) == ("Dense", "s4[2,8]", "net")
    assert of["key"] == cost.key.digest
    _run(["results", "--costs", "--store", str(store)])
    text = capsys.readouterr().out
    assert "Dense s8[8] s4[2,8]" in text and "2.5 us (2.4..2.7)" in text
    _run(["results", "--costs", "--store", str(store), "--csv", "--board", "m4"])
    assert capsys.readouterr().out.startswith("board,evidence,op,inputs,constants")
    _run(["results", "--costs", "--store", str(store), "--json", "--board", "other"])
    assert json.loads(capsys.readouterr().out)["rows"] == []


def test_rows_have_the_interval_the_drift_and_what_was_promised() -> None:
    runs = [[LayerTiming(0, "l0", "Dense", 10, us=1.0 + k / 10)] for k in range(6)]
    found = medians("host", runs)
    promised = Prediction("costs", "us", 1.2, 1.25, 1, 1)
    taken = replace(MEASUREMENT, layers=found.layers, total=found.total, drift=0.03,
                    prediction=promised)  # fmt: skip
    of = row(Stored(1, taken))
    assert (of["low"], of["high"], of["drift"]) == (1.0, 1.5, 0.03)
    assert (of["predicted"], of["prediction_error"]) == (1.2, pytest.approx(-0.04))
