"""``hwkit plan``: what fits a board, or how many bytes are missing."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hwkit.cli import _run
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.flow.planning import described, plan
from hwkit.lower.patch.plan import plain
from hwkit.report.plan_picture import picture
from tests.lower.patch.test_plan import CHAIN

BOARD = "virtual_m0"


def test_without_a_limit_it_is_the_plain_plan() -> None:
    found = plan(CHAIN, BOARD)
    assert found.chosen.staged == ()
    assert found.chosen.arena_bytes == plain(found.chosen.costs).arena_bytes
    assert found.chosen.macs == found.chosen.plain_macs


def test_a_limit_counts_all_but_the_stack() -> None:
    whole = plan(CHAIN, BOARD)
    limit = whole.chosen.arena_bytes + whole.other_bytes
    assert plan(CHAIN, BOARD, f"{limit}B").chosen.staged == ()
    less = plan(CHAIN, BOARD, f"{limit - 1}B")
    assert less.chosen.staged
    assert less.chosen.arena_bytes + less.other_bytes < limit
    facts = described(less.chosen)
    assert facts["arena_bytes"] == less.chosen.arena_bytes
    assert facts["stages"][0]["rows"] >= 1


def test_a_streamed_input_needs_less() -> None:
    whole, streamed = (plan(CHAIN, BOARD, None, given, with_front=True) for given in (False, True))
    assert streamed.front[-1].arena_bytes < whole.front[-1].arena_bytes


def test_what_does_not_fit_is_refused_with_what_is_missing() -> None:
    least = plan(CHAIN, BOARD, with_front=True)
    needed = least.front[-1].arena_bytes
    limit = needed + least.other_bytes - 100
    with pytest.raises(BudgetInfeasible, match=f"needs {needed:,} bytes .*, 100 more"):
        plan(CHAIN, BOARD, f"{limit}B")
    with pytest.raises(BudgetInfeasible, match="variables alone take"):
        plan(CHAIN, BOARD, "600B")


def test_boards_without_an_arena_are_refused() -> None:
    with pytest.raises(ConfigError, match="is not hwkit's to plan"):
        plan(CHAIN, "host_litert")


def test_picture_shows_arena_tiles_and_front() -> None:
    found = plan(CHAIN, BOARD, "9kB", with_front=True)
    root = ElementTree.fromstring(picture(found.chosen, found.front))
    kinds = [element.tag.rpartition("}")[2] for element in root.iter()]
    figures = {(plan.arena_bytes, plan.macs) for plan in (*found.front, found.chosen)}
    assert kinds.count("circle") == len(figures)
    placed = [p for p in found.chosen.memory.placements if p.size_bytes]
    assert kinds.count("rect") == len(placed) + len(found.chosen.staged)
    chosen = [e for e in root.iter() if e.get("class") == "chosen"]
    assert len(chosen) == 1


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, plot = tmp_path / "m.hwk", tmp_path / "plan.svg"
    CHAIN.save(str(model))
    common = ["plan", str(model), "--board", BOARD, "--sram", "9kB"]
    assert _run([*common, "--json", "--front", "--plot", str(plot)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["format"] == 1
    assert facts["plan"]["arena_bytes"] <= facts["room_bytes"]
    assert facts["front"][0]["stages"] == []
    assert plot.read_text().startswith("<svg")
    assert _run(common) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{facts['plan']['arena_bytes']:,} B of activations" in lines[0]
    assert len(lines) == 1 + len(facts["plan"]["stages"])
