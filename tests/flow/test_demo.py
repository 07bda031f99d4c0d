"""The demo on its smallest model: summary, report, resume, and a difference that fails it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from hwkit.errors import BitExactnessError
from hwkit.flow import demo
from hwkit.flow.verify import Verification, verify
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.report import summary
from hwkit.target import Difference

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        smallest(patch)
        demo.demo(folder, lambda line: None)
    return folder


def smallest(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(demo, "MODELS", {"digits": ("virtual_m4", "host_litert")})
    patch.setattr(demo, "LOOP_MODEL", "digits")


def test_summary_holds_all_parts(finished: Path) -> None:
    found = summary.load(finished / "summary.json")
    assert {model.name for model in found.models} == {"digits", "digits-plan"}
    assert all(part.differing == 0 and part.integers > 0 for part in found.exactness)
    assert {(part.model, part.board) for part in found.profiles} == {
        ("digits", "virtual_m4"),
        ("digits", "host_litert"),
        ("digits-plan", "virtual_m4"),
    }
    first = found.models[0]
    assert first.accuracy.float is not None and first.accuracy.float > 0.95
    assert first.accuracy.integer is not None and first.accuracy.integer > 0.95
    assert found.loop is not None and found.loop.within_budget
    simulated = next(part for part in found.profiles if part.board == "virtual_m4")
    assert simulated.evidence == "simulated" and "cortex-m4" in (simulated.cycle_model or "")
    page = (finished / "report.html").read_text()
    assert "digits-plan" in page and "://" not in page


def test_again_keeps_the_training_run(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smallest(monkeypatch)
    before = (finished / "digits" / "model.hwk").stat().st_mtime_ns
    demo.demo(finished, lambda line: None)
    assert (finished / "digits" / "model.hwk").stat().st_mtime_ns == before
    facts = json.loads((finished / "summary.json").read_text())
    assert facts["seconds"]["train digits"] < 1


@pytest.mark.parametrize("file", ["train.json", "model.hwk", "test.npz", "sensitivity.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}"])
def test_a_damaged_training_run_is_not_kept(file: str, content: bytes, finished: Path) -> None:
    path = finished / "digits" / file
    before = path.read_bytes()
    assert demo._kept(finished / "digits", "digits") is not None
    try:
        path.write_bytes(content)
        assert demo._kept(finished / "digits", "digits") is None
    finally:
        path.write_bytes(before)


def test_a_run_made_from_a_plan_is_not_kept(finished: Path) -> None:
    path = finished / "digits" / "train.json"
    before = path.read_text()
    facts = json.loads(before)
    path.write_text(json.dumps({**facts, "digests": {**facts["digests"], "plan": "0" * 64}}))
    try:
        assert demo._kept(finished / "digits", "digits") is None
    finally:
        path.write_text(before)


def test_a_difference_fails_the_demo(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smallest(monkeypatch)

    def wrong(graph: Graph, board: str, x: Array) -> Verification:
        result = verify(graph, board, x)
        if board == "host_litert":
            result = replace(result, differing=1, first=Difference("fc", (0, 3), 5, 6))
        return result

    monkeypatch.setattr(demo, "verify", wrong)
    with pytest.raises(BitExactnessError, match=r"fc\[0,3\]: expected 5, got 6"):
        demo.demo(finished, lambda line: None)
    assert "1 of " in (finished / "report.html").read_text()
