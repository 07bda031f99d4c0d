"""Settings of the phase-locked loops that make a design's clock from the board's oscillator.

A setting that gives the wanted frequency exactly, or ``ConfigError`` with the nearest that can be
made. Ranges are those of the data sheets, the slowest speed grade's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hwkit.boards import FpgaBoard
from hwkit.errors import ConfigError

_ICE40_FILTERS = ((17e6, 1), (26e6, 2), (44e6, 3), (66e6, 4), (101e6, 5))

_ICE40 = """\
  SB_PLL40_{kind} #(
      .FEEDBACK_PATH("SIMPLE"), .DIVR(4'd{reference}), .DIVF(7'd{feedback}), .DIVQ(3'd{output}),
      .FILTER_RANGE(3'd{filter_range})
  ) pll (
      .{port}(clock_pin), .PLLOUTGLOBAL(clk), .LOCK(locked), .RESETB(1'b1), .BYPASS(1'b0)
  );
"""

_ECP5 = """\
  EHXPLLL #(
      .CLKI_DIV({reference}), .CLKFB_DIV({feedback}), .CLKOP_DIV({output}), .FEEDBK_PATH("CLKOP"),
      .CLKOP_ENABLE("ENABLED"), .CLKOP_CPHASE({phase}), .CLKOP_FPHASE(0),
      .OUTDIVIDER_MUXA("DIVA")
  ) pll (
      .CLKI(clock_pin), .CLKFB(clk), .CLKOP(clk), .LOCK(locked), .RST(1'b0), .STDBY(1'b0),
      .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b0), .PHASESTEP(1'b0),
      .PHASELOADREG(1'b0), .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0)
  );
"""

# The loop's own lock signal is left alone: the reset outlasts the time that it may take.
_GOWIN = """\
  assign locked = 1'b1;
  rPLL #(
      .FCLKIN("{input_mhz:g}"), .DEVICE("{device}"), .IDIV_SEL({reference}), .FBDIV_SEL({feedback}),
      .ODIV_SEL({output}), .DYN_IDIV_SEL("false"), .DYN_FBDIV_SEL("false"), .DYN_ODIV_SEL("false")
  ) pll (
      .CLKIN(clock_pin), .CLKOUT(clk), .CLKFB(1'b0), .RESET(1'b0), .RESET_P(1'b0),
      .FBDSEL(6'd0), .IDSEL(6'd0), .ODSEL(6'd0), .PSDA(4'd0), .DUTYDA(4'd0), .FDLY(4'd0)
  );
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """Dividers as the part's registers count them, and the frequency that they make."""

    reference: int
    feedback: int
    output: int
    made_hz: float


def ice40_settings(oscillator_hz: int) -> Iterator[Setting]:
    """All of an iCE40 (Lattice FPGA-TN-02052): comparison 10-133 MHz, oscillator 533-1066 MHz."""
    for reference in range(16):
        compared_hz = oscillator_hz / (reference + 1)
        if not 10e6 <= compared_hz <= 133e6:
            continue
        for feedback in range(128):
            if 533e6 <= (vco_hz := compared_hz * (feedback + 1)) <= 1066e6:
                for output in range(1, 7):
                    yield Setting(reference, feedback, output, vco_hz / (1 << output))


def ecp5_settings(oscillator_hz: int) -> Iterator[Setting]:
    """All of an ECP5 with feedback from its output (Lattice FPGA-TN-02200): comparison
    10-400 MHz, oscillator 400-800 MHz."""
    for reference in range(1, 129):
        compared_hz = oscillator_hz / reference
        if not 10e6 <= compared_hz <= 400e6:
            continue
        for feedback in range(1, 81):
            made_hz = compared_hz * feedback
            for output in range(1, 129):
                if 400e6 <= made_hz * output <= 800e6:
                    yield Setting(reference, feedback, output, made_hz)


def gowin_settings(oscillator_hz: int) -> Iterator[Setting]:
    """All of a GW1N or GW2A (Gowin UG286): comparison 3-400 MHz, oscillator 500-1200 MHz."""
    for reference in range(64):
        compared_hz = oscillator_hz / (reference + 1)
        if not 3e6 <= compared_hz <= 400e6:
            continue
        for feedback in range(64):
            made_hz = compared_hz * (feedback + 1)
            for output in (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128):
                if 500e6 <= made_hz * output <= 1200e6:
                    yield Setting(reference, feedback, output, made_hz)


_SETTINGS: dict[str, Callable[[int], Iterator[Setting]]] = {
    "ice40": ice40_settings,
    "ecp5": ecp5_settings,
    "gowin": gowin_settings,
}


def find(board: FpgaBoard) -> Setting:
    """The first setting that makes the board's clock. Example: 50 MHz from 25 MHz on an ECP5 is
    ``Setting(1, 2, 8, 50e6)``."""
    nearest: Setting | None = None
    for setting in _SETTINGS[board.flow](board.oscillator_hz):
        if abs(setting.made_hz - board.clock_hz) < 1:
            return setting
        if nearest is None or _miss(setting, board) < _miss(nearest, board):
            nearest = setting
    near = f"; nearest: {nearest.made_hz:.0f}" if nearest else ""
    raise ConfigError(
        f"part {board.part}: no PLL setting makes clock_hz {board.clock_hz} from "
        f"{board.oscillator_hz}{near}"
    )


def fastest_below(board: FpgaBoard, limit_hz: int) -> int | None:
    """The highest whole number of kHz at or below ``limit_hz`` that the part can run at."""
    if board.flow not in _SETTINGS:
        return None
    made = {setting.made_hz for setting in _SETTINGS[board.flow](board.oscillator_hz)}
    made.add(board.oscillator_hz)
    fitting = [hz for hz in made if hz <= limit_hz and hz % 1000 == 0]
    return int(max(fitting)) if fitting else None


def verilog(board: FpgaBoard) -> str:
    """Drives ``clk`` and ``locked`` from ``clock_pin``; a wire if the oscillator is the clock."""
    if board.clock_hz == board.oscillator_hz:
        return "  assign clk = clock_pin;\n  assign locked = 1'b1;\n"
    setting = find(board)
    numbers = {
        "reference": setting.reference,
        "feedback": setting.feedback,
        "output": setting.output,
    }
    if board.flow == "ice40":
        compared_hz = board.oscillator_hz / (setting.reference + 1)
        ranges = (number for limit_hz, number in _ICE40_FILTERS if compared_hz < limit_hz)
        on_pad = board.pins is not None and board.pins.pll_pad
        kind, port = ("PAD", "PACKAGEPIN") if on_pad else ("CORE", "REFERENCECLK")
        return _ICE40.format(kind=kind, port=port, filter_range=next(ranges, 6), **numbers)
    if board.flow == "ecp5":
        return _ECP5.format(phase=setting.output - 1, **numbers)
    # GW1NR-LV9QN88PC6/I5 of family GW1N-9C: the loop is called GW1NR-9C.
    device = f"{board.part.split('-')[0]}-{board.device.split('-')[1]}"
    return _GOWIN.format(input_mhz=board.oscillator_hz / 1e6, device=device, **numbers)


def _miss(setting: Setting, board: FpgaBoard) -> float:
    return abs(setting.made_hz - board.clock_hz)
