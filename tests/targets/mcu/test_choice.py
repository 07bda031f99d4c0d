"""Kernels chosen by measuring: the choice is better, exact, remembered, and survives damage."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import ConfigError, ToolMissing
from hwkit.flow.build import deploy
from hwkit.ir.interpret import run as interpret
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice import choose, measure, remembered, rounds, stand_in
from hwkit.targets.mcu.choice.limits import MARGIN_BYTES
from hwkit.targets.mcu.choices import Choice
from hwkit.targets.mcu.cost import measure_costs
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.kernels import implementations
from hwkit.targets.mcu.lower import lower, plan, section
from hwkit.toolchain import builds, process
from tests.sessions import run
from tests.targets.mcu.models import residual, separable

M4 = boards.load("virtual_m4")
X = np.random.default_rng(1).integers(-128, 128, (3, 8, 8, 4)).astype(np.int8)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A memory and builds of this module's own: what they hold was chosen and built here."""
    folder = tmp_path_factory.mktemp("choices")
    with pytest.MonkeyPatch.context() as patch:
        for module in (remembered, builds):
            patch.setattr(module, "cache_folder", lambda name: folder)
        yield folder


@pytest.fixture(scope="module")
def chosen(cache: Path) -> Choice:
    """The choice for ``separable``."""
    found = choose(lower(separable(), M4)).plan.choice
    assert found is not None
    return found


def no_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*arguments: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(rounds, "measure", measured)


def test_it_is_faster_for_its_bytes(chosen: Choice) -> None:
    assert chosen.board == "virtual_m4" and chosen.by_rule and chosen.chosen
    before, after = chosen.by_rule, chosen.chosen
    assert after.time < 0.95 * before.time
    percent = 100 * (before.time - after.time) / before.time
    assert after.flash_bytes - before.flash_bytes <= 8000 * percent
    assert after.arena_bytes <= 1.2 * before.arena_bytes
    grown = sum(growth.arena_bytes for growth in chosen.bought)
    assert grown == max(after.arena_bytes - before.arena_bytes, 0) or not chosen.bought
    depthwise = chosen.figures[0]
    assert {figure.pick for figure in depthwise} >= {
        Pick("depthwise_conv2d_s8", True),
        Pick("depthwise_conv2d_s8", False),
        Pick("depthwise_conv2d_s8", False, True),
        Pick("depthwise_conv2d_s8_ref", False),
    }
    assert all(figure.cycles and figure.instructions for of in chosen.figures for figure in of)


def test_the_figures_are_those_of_the_build(chosen: Choice, tmp_path: Path) -> None:
    facts = deploy(separable(), "virtual_m4", tmp_path / "d")
    assert chosen.chosen and facts["flash_bytes"] == chosen.chosen.flash_bytes
    first = facts["kernels"][0]
    assert first["layer"] == "depthwise0"
    assert first["kernel"] == f"dsp/{chosen.picks[0].kernel}"
    taken = {pick["copy"] for pick in facts["kernels"] if pick["kernel"]}
    assert taken == {"own", "shared"} or taken == {"own"}
    assert all("cycles" in figure for figure in first["alternatives"])
    assert facts["kernel_choice"]["evidence"] == "simulated"
    assert facts["optimize"] == "-O2" and facts["optimize"] in facts["flags"]
    assert facts["lto"] is False


@pytest.mark.parametrize("board", ["virtual_m4", "virtual_m0"])
def test_every_alternative_computes_the_interpreters_integers(
    board: str, tmp_path: Path, chosen: Choice
) -> None:
    """Each implementation for all layers, shared, own and own for size; the chosen build."""
    lowered = lower(separable(), boards.load(board))
    mcu = lowered.board.mcu
    assert mcu is not None
    expected = interpret(lowered.graph, {"x": X})["y"]
    fitting = rounds.kernels_that_fit(lowered)
    everything = [
        [Pick((of[k:] or of)[0], shared) if of else Pick("", False) for of in fitting]
        for k in range(max(map(len, fitting)))
        for shared in (False, True)
    ]
    everything.append([replace(pick, small=bool(pick.kernel)) for pick in everything[0]])
    everything += [list(chosen.picks)] if board == chosen.board else []
    for number, picks in enumerate(everything):
        one = replace(lowered, plan=plan(lowered.graph, mcu, picks))
        artifact = build(emit(one), one, tmp_path / str(number))
        assert np.array_equal(run(artifact, X), expected), picks


def test_large_networks_try_the_best_kernels_only(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MOST_MACS", 0)
    found = rounds.choice(lower(residual(), M4), M4)
    tried = {figure.pick.kernel for of in found.figures for figure in of}
    assert "conv2d_s8" in tried and "conv2d_s8_ref" not in tried


def test_it_is_remembered_for_networks_of_the_same_layers(
    chosen: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_builds(monkeypatch)
    for seed in (0, 1):  # other weights
        lowered = lower(separable(seed), M4)
        again = choose(lowered).plan
        assert again.choice == chosen
        assert again.picks == chosen.picks
    assert remembered.path(lower(residual(), M4), M4) != remembered.path(lowered, M4)


def test_counts_do_not_depend_on_weights(chosen: Choice) -> None:
    lowered = lower(separable(1), M4)
    measured = measure.measure(
        replace(lowered, plan=plan(lowered.graph, section(M4), chosen.picks)),
        M4,
        "",
    )
    assert measured.total == chosen.chosen


def test_costs_are_of_the_build_that_the_choice_made(
    chosen: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was chosen was built to be measured, and is not built again."""

    def ran(command: Sequence[str], *arguments: object, **options: object) -> None:
        raise AssertionError(f"{command[0]} was run")

    monkeypatch.setattr(process, "run", ran)
    table = measure_costs(separable(), M4, (8,))
    assert chosen.chosen is not None
    assert table.fixed.cycles + sum(row.cycles or 0 for row in table.rows) == chosen.chosen.cycles


@pytest.mark.parametrize("damage", ["cut", "other", "shorter", "unknown"])
def test_a_damaged_memory_is_measured_again(
    damage: str, chosen: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered = lower(separable(), M4)
    path = remembered.path(lowered, M4)
    whole = path.read_text()
    damaged = {
        "cut": whole[: len(whole) // 2],
        "other": "[1, 2]",
        "shorter": whole.replace('"picks": [', '"picks": [{"kernel": "", "shared": false},', 1),
        "unknown": whole.replace('"conv2d_s8"', '"conv9d_s8"'),
    }[damage]
    assert damaged != whole
    path.write_text(damaged)
    monkeypatch.setattr("hwkit.targets.mcu.choice.choice", lambda *arguments: chosen)
    assert choose(lowered).plan.choice == chosen
    assert path.read_text() == whole


def test_killed_while_measuring(chosen: Choice, cache: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of the builds: nothing half-remembered, and the same choice after."""
    path = remembered.path(lower(separable(), M4), M4)
    path.unlink()
    code = (
        "import pathlib, sys\n"
        "from hwkit import boards\n"
        "from hwkit.targets.mcu.lower import lower\n"
        "from hwkit.targets.mcu.choice import choose, remembered\n"
        "from tests.targets.mcu.models import separable\n"
        "from hwkit.toolchain import builds\n"
        "remembered.cache_folder = lambda name: pathlib.Path(sys.argv[1])\n"
        "builds.cache_folder = lambda name: pathlib.Path(sys.argv[2])\n"
        "choose(lower(separable(), boards.load('virtual_m4')))\n"
    )
    folders = [str(cache), str(tmp_path)]
    child = subprocess.Popen([sys.executable, "-c", code, *folders], cwd=Path.cwd())
    deadline_s = time.monotonic() + 60
    while not list(tmp_path.glob(".virtual_m4-*")):
        assert child.poll() is None and time.monotonic() < deadline_s
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not path.exists()
    assert choose(lower(separable(), M4)).plan.choice == chosen


def test_without_an_emulator_the_rule_holds(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(*arguments: object) -> None:
        raise ToolMissing("unicorn", "pip install 'hwkit[mcu]'")

    monkeypatch.setattr(rounds, "measure", missing)
    lowered = lower(residual(), M4)
    plain = choose(lowered).plan
    assert plain.picks == lowered.plan.picks
    assert plain.choice is not None
    assert "unicorn" in plain.choice.note and plain.choice.board == ""
    facts = deploy(residual(), "virtual_m4", tmp_path / "d")
    assert "unicorn" in facts["kernel_choice"]["note"]
    assert facts["kernel_choice"]["evidence"] is None
    assert not remembered.path(lowered, M4).exists()


def test_real_boards_are_measured_on_virtual_ones_of_their_core() -> None:
    found = {}
    for name in ("nucleo_l4r5zi", "nucleo_h743zi", "rpi_pico", "rpi_pico2", "hifive1"):
        board = stand_in(boards.load(name))
        assert board is not None and board.mcu is not None
        found[name] = board.name
    assert found == {
        "nucleo_l4r5zi": "virtual_m4",
        "nucleo_h743zi": "virtual_m7",
        "rpi_pico": "virtual_m0",
        "rpi_pico2": "virtual_m33",
        "hifive1": "virtual_rv32_e31",
    }


def test_banks_that_the_virtual_board_has_not_are_planned_anew_there() -> None:
    """The STM32F405 has a second SRAM for the core alone; the virtual board has one in all."""
    board = boards.load("netduino_plus2")
    lowered = lower(residual(), board)
    assert {used.region for used in lowered.plan.memory.regions} == {"sram", "ccm"}
    measured = measure.measure(lowered, boards.load("virtual_m4"), "")
    assert measured.plan is lowered.plan and (measured.total.cycles or 0) > 0


def test_what_a_board_cannot_hold_is_not_measured_elsewhere(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The virtual board has 4 MB where the real one has 16 KB."""
    no_builds(monkeypatch)
    assert M4.mcu
    flash, sram = M4.mcu.memory
    for memory, kind in (
        ((flash, replace(sram, size_bytes=1500)), "sram"),
        ((replace(flash, size_bytes=400), sram), "flash"),
    ):
        small = replace(M4, name="tiny_m4", mcu=replace(M4.mcu, emulator="", memory=memory))
        with pytest.raises(ConfigError, match=f"board tiny_m4: .* bytes of {kind}, .* more than"):
            choose(lower(separable(), small))


def test_where_flash_is_short_what_fits_is_taken(chosen: Choice) -> None:
    """A board with a little less room than the chosen kernels need there, and one that has none to
    spare for what is faster than the smallest."""
    assert chosen.chosen and chosen.by_rule and M4.mcu
    flash, sram = M4.mcu.memory
    times = []
    for most_bytes in (chosen.chosen.flash_bytes - 1, chosen.by_rule.flash_bytes):
        room = replace(flash, size_bytes=most_bytes + MARGIN_BYTES)
        small = replace(M4, name="small_m4", mcu=replace(M4.mcu, emulator="", memory=(room, sram)))
        found = choose(lower(separable(), small)).plan.choice
        assert found is not None and found.board == "virtual_m4" and found.chosen
        assert found.chosen.flash_bytes <= most_bytes
        times.append(found.chosen.time)
    assert chosen.chosen.time < times[0] <= times[1]


def test_an_alternative_is_a_file_and_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert M4.mcu
    (tmp_path / "kernels.inc").write_text(
        "HWK_KERNEL(dense_s8, dense, 1)\nHWK_ALTERNATIVE(dense_s8, dense_s8_narrow)\n"
    )
    for name in ("dsp/hwk_dense_s8.h", "dsp/hwk_dense_s8_narrow.h", "ref/hwk_dense_s8.h"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr("hwkit.targets.mcu.kernels.root", lambda: tmp_path)
    symbols = [kernel.symbol for kernel in implementations(M4.mcu)["dense_s8"]]
    assert symbols == ["dense_s8", "dense_s8_narrow", "dense_s8_ref"]
