"""``hwkit fit``: who takes a network, for how much, and why the others do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwkit import boards, targets
from hwkit.cli import _run
from hwkit.errors import ConfigError
from hwkit.flow.build import lower
from hwkit.flow.fitting import fit
from hwkit.flow.golden import small_golden_network
from hwkit.ir.graph import Graph
from hwkit.lower import legal
from tests.lower.patch.test_plan import CHAIN
from tests.targets.rtl.networks import int8, mixed, resnet8

MIXED = mixed()


def one(graph: Graph, board: str):  # type: ignore[no-untyped-def]
    (found,) = fit(graph, [board])
    return found


@pytest.mark.parametrize("board", ["virtual_m4", "rpi_pico", "virtual_m55"])
def test_arena_and_weights_are_those_of_the_build(board: str) -> None:
    found = one(CHAIN, board)
    target, lowered = lower(CHAIN, board, measure=False)
    figures = found.size.figures
    assert found.takes and found.size.exact == ("weight_bytes", "arena_bytes")
    assert figures["arena_bytes"] == lowered.plan.memory.arena_bytes
    assert figures["flash_bytes"] > figures["weight_bytes"] > 0
    assert figures["ram_bytes"] > figures["arena_bytes"]
    assert found.us == found.size.cycles * 1e6 / boards.load(board).clock_hz
    assert target.name == found.target


def test_a_design_is_folded_as_it_will_be() -> None:
    found = one(MIXED, "ulx3s_25f")
    board = boards.load("ulx3s_25f")
    plan = legal.lowered(targets.get(board), MIXED, board).plan
    assert found.size.cycles == plan.folding.interval_cycles
    assert found.size.clock_hz == board.clock_hz
    assert found.size.figures == plan.folding.cost.figures()
    assert abs(plan.core.interval_cycles / found.size.cycles - 1) < 0.2


def test_who_refuses_says_why_in_a_line() -> None:
    found = {f.board: f for f in fit(resnet8(32, 16), ["icebreaker", "hifive1", "host_litert"])}
    assert "RAM blocks of the" in found["icebreaker"].why
    assert "more than its 16384" in found["hifive1"].why
    assert not found["icebreaker"].takes and found["icebreaker"].us is None
    assert all("\n" not in f.why for f in found.values())
    assert found["host_litert"].takes and found["host_litert"].size is None


def test_what_is_too_large_to_unroll_is_refused_before_it_is_unrolled() -> None:
    assert "bits of products are unrolled" in one(resnet8(32, 16), "rtl_sim_unrolled").why
    found = one(int8(), "rtl_sim_unrolled")
    assert "bits of products are unrolled" in found.why


def test_a_board_by_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    text = Path(boards.load("virtual_m0").origin).read_text()
    mine.write_text(text.replace('"virtual_m0"', '"mine"'))
    found = one(CHAIN, str(mine))
    assert found.size == one(CHAIN, "virtual_m0").size


def test_all_boards_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board whose file is broken answers with its fault; asked by name it is an error."""
    some = ["interpreter", "virtual_m4", "gone"]
    monkeypatch.setattr(boards, "names", lambda: some)
    found = list(fit(MIXED))
    assert [f.board for f in found] == some
    assert "gone" in found[2].why
    with pytest.raises(ConfigError, match="gone"):
        list(fit(MIXED, ["gone"]))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "m.hwk")
    small_golden_network().save(path)
    some = ["virtual_m0", "ice40_hx8k", "hls4ml_csim"]
    asked = ["fit", path, *(word for name in some for word in ("--board", name))]
    assert _run([*asked, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["format"] == 1 and [b["board"] for b in value["boards"]] == some
    assert [b["evidence"] for b in value["boards"]] == ["estimated", "estimated", None]
    m0, hx8k, _ = value["boards"]
    assert m0["inferences_per_s"] == pytest.approx(1e6 / m0["us"])
    assert set(hx8k["figures"]) == {"lut", "ff", "bram", "dsp"}
    assert _run(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("ice40_hx8k") and "LUT" in lines[0]
    assert "takes it" in lines[2]


def test_nobody_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "m.hwk")
    resnet8(32, 16).save(path)
    assert _run(["fit", path, "--board", "icebreaker"]) == 1
    assert capsys.readouterr().out.startswith("icebreaker")
    assert _run(["fit", path, "--board", "no_such_board"]) == 2
