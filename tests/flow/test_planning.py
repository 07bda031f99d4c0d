"""``hwkit plan``: what fits a board, or how many bytes are missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hwkit import boards
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
    """With the kernels that need least: what it asks for is enough, a byte less is not."""
    other = plan(CHAIN, BOARD).other_bytes
    with pytest.raises(BudgetInfeasible) as error:
        plan(CHAIN, BOARD, f"{other + 100}B")
    found = re.search(r"needs ([\d,]+) bytes .*, ([\d,]+) more", str(error.value))
    assert found
    needed, missing = (int(text.replace(",", "")) for text in found.groups())
    assert needed - missing == 100
    assert plan(CHAIN, BOARD, f"{needed + other}B").chosen.arena_bytes == needed
    with pytest.raises(BudgetInfeasible, match=", 1 more than there are"):
        plan(CHAIN, BOARD, f"{needed + other - 1}B")
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


def banked(folder: Path, first: int, second: int, waits: int = 3) -> str:
    """virtual_m0 with two SRAMs of so many bytes in place of its own."""
    board = boards.load(BOARD)
    assert board.mcu is not None
    text = Path(board.origin).read_text()
    head, _, tail = text.partition('[[mcu.memory]]\nname = "sram"')
    banks = "".join(
        f'[[mcu.memory]]\nname = "{name}"\nkind = "sram"\norigin = {origin}\n'
        f"size_bytes = {size}\nwait_cycles = {wait}\n"
        for name, origin, size, wait in (
            ("near", 0x2000_0000, first, 0),
            ("far", 0x3000_0000, second, waits),
        )
    )
    path = folder / "banked.toml"
    name = head.replace(f'"{BOARD}"', '"banked"')
    path.write_text(name + banks + tail[tail.index("\n[mcu.uart]") :])
    return str(path)


def two_banks(folder: Path) -> str:
    """So small that the plain plan takes both."""
    one = plan(CHAIN, BOARD)
    mcu = boards.load(BOARD).mcu
    assert mcu is not None
    besides = mcu.stack_bytes + one.other_bytes
    return banked(folder, one.chosen.arena_bytes - 64 + besides, one.chosen.arena_bytes)


def test_a_plan_over_two_srams_says_what_lies_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CHAIN.save(str(tmp_path / "m.hwk"))
    given = [str(tmp_path / "m.hwk"), "--board", two_banks(tmp_path)]
    assert _run(["plan", *given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["plan"]
    near, far = (found["arena_regions"][name] for name in ("near", "far"))
    assert near > 0 and far > 0 and near + far == found["arena_bytes"]
    assert found["arena_accesses"]["far"] * 3 // 4 <= found["arena_wait_cycles"]
    assert 0 < found["arena_wait_bound_cycles"] <= found["arena_wait_cycles"]
    assert _run(["plan", *given]) == 0
    told = capsys.readouterr().out
    assert f"{near:,} B in near, {far:,} B in far" in told and "cycles of waiting" in told
    assert _run(["plan", *given, "--plot", str(tmp_path / "plan.svg")]) == 0
    ElementTree.parse(tmp_path / "plan.svg")


def test_in_parts_each_sram_holds_its_share(tmp_path: Path) -> None:
    """Both together have room for the plain plan, but its largest map fits neither."""
    one = plan(CHAIN, BOARD)
    mcu = boards.load(BOARD).mcu
    assert mcu is not None
    most = max(p.size_bytes for p in one.chosen.memory.placements)
    besides = mcu.stack_bytes + one.other_bytes
    board = banked(tmp_path, most - 16 + besides, most - 16)
    found = plan(CHAIN, board, f"{2 * most + one.other_bytes}B")
    assert found.chosen.staged and not found.chosen.memory.missing_bytes
