"""Programmers: the command each board's file leads to, by stand-ins on the PATH."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hwkit import boards
from hwkit.boards import Programmer
from hwkit.errors import ConfigError, ToolFailed, ToolMissing
from hwkit.toolchain import apt, programmer


def stand_in(folder: Path, name: str, exit_code: int = 0) -> Path:
    """A program that writes down its arguments."""
    program = folder / name
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\nexit {exit_code}\n')
    program.chmod(0o755)
    return folder / "arguments"


@pytest.mark.parametrize(
    ("board", "tool", "arguments"),
    [
        ("nucleo_l4r5zi", "pyocd", "flash --target stm32l4r5zitx /b/firmware.hex"),
        ("netduino_plus2", "pyocd", "flash --target stm32f405rgtx /b/firmware.hex"),
        ("arduino_nano33ble", "pyocd", "flash --target nrf52840 /b/firmware.hex"),
        (
            "nucleo_h743zi",
            "openocd",
            "-f board/st_nucleo_h743zi.cfg -c program {/b/firmware.elf} verify reset exit",
        ),
        (
            "hifive1",
            "openocd",
            "-f board/sifive-hifive1.cfg -c program {/b/firmware.elf} verify reset exit",
        ),
        ("rpi_pico", "picotool", "load --verify --execute /b/firmware.uf2"),
        ("rpi_pico2", "picotool", "load --verify --execute /b/firmware.uf2"),
    ],
)
def test_each_board_has_its_command(
    board: str, tool: str, arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(apt, "is_there", lambda: True)
    image = Path("/b/firmware.elf")
    with pytest.raises(ToolMissing, match=f"{tool} is not installed; .*install {tool}"):
        programmer.flash(boards.load(board), image)
    seen = stand_in(tmp_path, tool)
    programmer.flash(boards.load(board), image)
    assert seen.read_text().strip() == arguments


@pytest.mark.parametrize(
    ("board", "name"), [("ulx3s_85f", "ulx3s"), ("icebreaker", "ice40_generic")]
)
def test_fpga_boards_take_their_bitstream(
    board: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(apt, "is_there", lambda: True)
    with pytest.raises(ToolMissing, match="hwkit toolchain install openfpgaloader"):
        programmer.flash(boards.load(board), Path("/b/top.bit"))
    seen = stand_in(tmp_path, "openFPGALoader")
    programmer.flash(boards.load(board), Path("/b/top.bit"))
    assert seen.read_text().strip() == f"-b {name} /b/top.bit"


def test_a_programmer_that_fails_names_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    stand_in(tmp_path, "picotool", exit_code=7)
    with pytest.raises(ToolFailed, match=r"exit code 7.*flash-rpi_pico\.log"):
        programmer.flash(boards.load("rpi_pico"), tmp_path / "firmware.elf")


def test_boards_without_one(tmp_path: Path) -> None:
    for name in ("virtual_m4", "host_litert"):
        with pytest.raises(ConfigError, match="no programmer"):
            programmer.flash(boards.load(name), tmp_path / "firmware.elf")
    pico = boards.load("rpi_pico")
    assert pico.mcu is not None
    odd = replace(pico, mcu=replace(pico.mcu, programmer=Programmer("hammer")))
    with pytest.raises(ConfigError, match="'hammer'; known: pyocd, openocd, picotool"):
        programmer.flash(odd, tmp_path / "firmware.elf")
