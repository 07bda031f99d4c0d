"""PLL settings: inside the data sheets' ranges, exact, and refused when there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwkit import boards
from hwkit.boards import FpgaBoard
from hwkit.errors import ConfigError
from hwkit.targets.rtl import pll


def section(name: str, clock_hz: int) -> FpgaBoard:
    fpga = boards.load(name).fpga
    assert fpga is not None
    return replace(fpga, clock_hz=clock_hz)


def test_every_ice40_setting_is_in_range() -> None:
    for s in pll.ice40_settings(12_000_000):
        compared_hz = 12e6 / (s.reference + 1)
        vco_hz = compared_hz * (s.feedback + 1)
        assert 10e6 <= compared_hz <= 133e6 and 533e6 <= vco_hz <= 1066e6
        assert s.made_hz == vco_hz / 2**s.output and 1 <= s.output <= 6


def test_every_ecp5_setting_is_in_range() -> None:
    for s in pll.ecp5_settings(25_000_000):
        assert 25e6 / s.reference >= 10e6 and 400e6 <= s.made_hz * s.output <= 800e6
        assert s.made_hz == 25e6 / s.reference * s.feedback


def test_every_gowin_setting_is_in_range() -> None:
    for s in pll.gowin_settings(27_000_000):
        assert 27e6 / (s.reference + 1) >= 3e6 and 500e6 <= s.made_hz * s.output <= 1200e6
        assert s.made_hz == 27e6 / (s.reference + 1) * (s.feedback + 1)


@pytest.mark.parametrize(
    ("name", "clock_hz", "lines"),
    [
        ("icebreaker", 24_000_000, ["SB_PLL40_PAD", "PACKAGEPIN(clock_pin)", "FILTER_RANGE(3'd1)"]),
        ("ice40_hx8k", 48_000_000, ["SB_PLL40_CORE", "REFERENCECLK(clock_pin)", "DIVF(7'd63)"]),
        ("ulx3s_85f", 50_000_000, ["CLKI_DIV(1)", "CLKFB_DIV(2)", "CLKOP_DIV(8)"]),
        ("tangnano20k", 54_000_000, ['FCLKIN("27")', 'DEVICE("GW2AR-18C")', "FBDIV_SEL(1)"]),
        ("tangnano9k", 54_000_000, ['DEVICE("GW1NR-9C")', "IDIV_SEL(0)"]),
        ("ulx3s_25f", 25_000_000, ["assign clk = clock_pin;"]),
    ],
)
def test_the_boards_clocks(name: str, clock_hz: int, lines: list[str]) -> None:
    text = pll.verilog(section(name, clock_hz))
    for line in lines:
        assert line in text


def test_every_board_has_a_setting() -> None:
    for name in boards.names():
        board = boards.load(name)
        if board.target == "rtl" and board.fpga is not None and board.fpga.pins is not None:
            assert "clk" in pll.verilog(board.fpga)


def test_a_clock_that_cannot_be_made_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"makes clock_hz 31415926 .*; nearest: 37500000"):
        pll.verilog(section("ulx3s_85f", 31_415_926))


def test_the_fastest_clock_below_a_limit() -> None:
    assert pll.fastest_below(section("ulx3s_85f", 50_000_000), 41_900_000) == 37_500_000
    assert pll.fastest_below(section("icebreaker", 12_000_000), 13_000_000) == 12_750_000
    assert pll.fastest_below(section("zcu104", 200_000_000), 100_000_000) is None
