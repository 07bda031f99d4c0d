"""Constraint files: where the top module's ports go and how fast its clock is."""

from __future__ import annotations

from collections.abc import Callable

from hwkit.boards import FpgaBoard, FpgaPins

PORTS = {"clock_pin": "clock", "uart_rx": "uart_rx", "uart_tx": "uart_tx", "led": "led"}
"""Port of the top module to the key of the board's pins."""


def _placed(pins: FpgaPins) -> list[tuple[str, str, str]]:
    """Port, pin and I/O standard."""
    rows = [(port, getattr(pins, key), pins.standard) for port, key in PORTS.items()]
    if pins.led_standard:
        rows[-1] = ("led", pins.led, pins.led_standard)
    if pins.high:
        rows.append(("high", pins.high, pins.standard))
    return rows


def pcf(board: FpgaBoard, pins: FpgaPins) -> str:
    """For iCE40, whose banks' supplies set the standard."""
    lines = [f"set_io {port} {pin}" for port, pin, _ in _placed(pins)]
    if board.clock_hz == board.oscillator_hz:  # a PLL's own constraint follows from its setting
        lines.append(f"set_frequency clock_pin {_mhz(board.oscillator_hz)}")
    return "\n".join(lines) + "\n"


def lpf(board: FpgaBoard, pins: FpgaPins) -> str:
    """For ECP5."""
    lines = [f'FREQUENCY PORT "clock_pin" {_mhz(board.oscillator_hz)} MHZ;']
    for port, pin, standard in _placed(pins):
        lines += [f'LOCATE COMP "{port}" SITE "{pin}";']
        lines += [f'IOBUF PORT "{port}" IO_TYPE={standard};']
    return "\n".join(lines) + "\n"


def cst(board: FpgaBoard, pins: FpgaPins) -> str:
    """For Gowin."""
    lines = []
    for port, pin, standard in _placed(pins):
        lines += [f'IO_LOC "{port}" {pin};', f'IO_PORT "{port}" IO_TYPE={standard};']
    return "\n".join(lines) + "\n"


def xdc(board: FpgaBoard, pins: FpgaPins) -> str:
    """For Vivado."""
    period_ns = 1e9 / board.oscillator_hz
    lines = [f"create_clock -period {period_ns:.3f} [get_ports clock_pin]"]
    for port, pin, standard in _placed(pins):
        place = f"PACKAGE_PIN {pin} IOSTANDARD {standard}"
        lines.append(f"set_property -dict {{{place}}} [get_ports {port}]")
    return "\n".join(lines) + "\n"


FORMATS: dict[str, tuple[str, Callable[[FpgaBoard, FpgaPins], str]]] = {
    "ice40": ("pcf", pcf),
    "ecp5": ("lpf", lpf),
    "gowin": ("cst", cst),
    "vivado": ("xdc", xdc),
}
"""Suffix and writer for each flow."""


def _mhz(hz: int) -> str:
    return f"{hz / 1e6:g}"
