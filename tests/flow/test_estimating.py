"""Boards that are not here: the build is run on the virtual board of their core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hwkit import boards
from hwkit.cli import hwkit
from hwkit.errors import ConfigError
from hwkit.flow.estimating import estimate
from hwkit.flow.golden import golden_network
from hwkit.ir import serialize
from hwkit.profile.measurement import Measurement
from tests.emulators import skip_without_emulator

FREE = """\
name = "free"
title = "An STM32L4R5 whose flash costs {cycles}"
target = "mcu"
part = "stm32l4r5"
source = "a test"

[mcu]
clock_hz = 100_000_000

[mcu.uart]
driver = "stm32_usart"
base = 0x4000_8000
baud = 115_200

[mcu.flash_timing]
source = "a test"
miss_cycles = {cycles}
caches = [{{ holds = "both", size_bytes = 1024, ways = 2, line_bytes = 16 }}]
"""


def written(folder: Path, cycles: int) -> str:
    path = folder / "free.toml"
    path.write_text(FREE.format(cycles=cycles))
    return str(path)


def cycles(taken: Measurement) -> list[float]:
    known = [layer.cycles for layer in taken.layers]
    assert None not in known
    return [of for of in known if of is not None]


@pytest.mark.slow
def test_what_the_flash_costs_is_all_that_differs(tmp_path: Path) -> None:
    skip_without_emulator(boards.load("virtual_m4"))
    graph = golden_network()
    store = tmp_path / "store.sqlite"
    free = estimate(graph, written(tmp_path, 0), store=store)
    simulated, estimated = free.simulated.total, free.estimated.total
    assert (estimated.cycles, estimated.instructions) == (simulated.cycles, simulated.instructions)
    assert free.simulated.evidence == "simulated" and free.estimated.evidence == "estimated"
    assert free.estimated.board == "free" and free.estimated.clock_hz == 100_000_000
    assert simulated.cycles is not None
    assert estimated.us == pytest.approx(simulated.cycles / 100)
    assert "a test" in (free.estimated.cycle_model or "")
    slow = cycles(estimate(graph, written(tmp_path, 9), store=store).estimated)
    again = cycles(estimate(graph, written(tmp_path, 9), store=store).estimated)
    more = [b - a for a, b in zip(cycles(free.simulated), slow, strict=True)]
    assert slow == again and sum(more) > 0
    assert min(more) >= 0 and all(waits % 9 == 0 for waits in more)


@pytest.mark.slow
def test_the_command_tells_both(tmp_path: Path) -> None:
    skip_without_emulator(boards.load("virtual_m4"))
    model = tmp_path / "m.hwk"
    serialize.save(golden_network(), model)
    store = ["--store", str(tmp_path / "store.sqlite"), "--repeats", "1"]
    ran = CliRunner().invoke(
        hwkit, ["profile", str(model), "--board", "nucleo_l4r5zi", "--estimate", *store]
    )
    assert ran.exit_code == 0, ran.output
    assert "nucleo_l4r5zi, estimated: virtual_m4 with the flash of nucleo_l4r5zi" in ran.output
    assert "virtual_m4, simulated, without waiting for flash: " in ran.output
    assert "RM0432" in ran.output


@pytest.mark.parametrize(
    ("board", "message"),
    [
        ("virtual_m4", "nothing to estimate, it runs here"),
        ("host_tflm", "no estimates; choose a microcontroller"),
    ],
)
def test_what_has_no_estimate_says_so(board: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        estimate(golden_network(), board)


def test_a_flash_that_nothing_is_known_of(tmp_path: Path) -> None:
    text = FREE.split("[mcu.flash_timing]")[0].format(cycles=0)
    text = text.replace('part = "stm32l4r5"', 'part = "mine"')
    part = (boards.load("nucleo_l4r5zi").origin, "parts", "stm32l4r5.toml")
    known = Path(part[0]).parents[1].joinpath(*part[1:]).read_text()
    known = known.split("# Two banks")[0].replace('name = "stm32l4r5"', 'name = "mine"')
    (tmp_path / "mine.toml").write_text(known)
    (tmp_path / "parts").mkdir()
    (tmp_path / "mine.toml").rename(tmp_path / "parts" / "mine.toml")
    (tmp_path / "free.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"free: nothing is known of its flash; .*flash_timing"):
        estimate(golden_network(), str(tmp_path / "free.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("miss_cycles = 0", "miss_cycles = -1", "miss_cycles: -1; give 0 .."),
        ("size_bytes = 1024", "size_bytes = 1000", "1000 bytes in 2 ways of lines of 16"),
        ("ways = 2", "ways = 0", "1024 bytes in 0 ways"),
        ("line_bytes = 16", "line_bytes = 12", "lines of 12"),
        ('"both"', '"all"', "holds: unknown word 'all'; known: code, data, both"),
        (
            "line_bytes = 16 }]",
            'line_bytes = 16 }, { holds = "code", size_bytes = 64, ways = 1, line_bytes = 8 }]',
            "caches: both, code; one for code",
        ),
    ],
)
def test_timings_that_are_none(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "free.toml"
    path.write_text(FREE.format(cycles=0).replace(old, new))
    with pytest.raises(ConfigError) as caught:
        boards.parse(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_every_board_that_is_not_here_has_its_flash() -> None:
    """An estimate can be had of each: its part or its own file says what its flash costs."""
    known = [board for board in map(boards.load, boards.names()) if board.mcu is not None]
    real = [board for board in known if board.mcu and not board.mcu.emulator]
    assert len(real) >= 8
    for board in real:
        assert board.mcu and board.mcu.flash_timing and board.mcu.flash_timing.source, board.name
        assert replace(board.mcu, flash_timing=None).cost_model, board.name
