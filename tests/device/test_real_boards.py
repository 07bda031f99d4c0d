"""The real boards: each builds, links and fits; where QEMU has the machine, its own image runs."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache

import pytest

from hwkit import boards
from hwkit.device.qemu import Qemu
from hwkit.device.session import open_board
from hwkit.errors import ConfigError, FormatError
from hwkit.toolchain import boot2
from hwkit.toolchain.firmware import Firmware
from hwkit.toolchain.linker_script import region
from hwkit.toolchain.uf2 import uf2
from tests.emulators import skip_without_qemu
from tests.firmware.runtime import stub

pytestmark = pytest.mark.slow

X = bytes(range(64))

Image = Callable[[str], Firmware]
"""The stub's image for a board, built once."""


def real() -> list[str]:
    loaded = (boards.load(name) for name in boards.names())
    return [board.name for board in loaded if board.mcu and not board.mcu.emulator]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    @cache
    def build(name: str) -> Firmware:
        return stub.virtual_image(tmp_path_factory.mktemp(name), board=boards.load(name))

    return build


def test_eight_boards_of_four_makers_are_there() -> None:
    assert real() == [
        "arduino_nano33ble",
        "hifive1",
        "netduino_plus2",
        "nucleo_h743zi",
        "nucleo_l4r5zi",
        "rpi_pico",
        "rpi_pico2",
        "rpi_pico_w",
    ]


@pytest.mark.parametrize("name", real())
def test_it_builds_links_and_fits(name: str, image: Image) -> None:
    board, made = boards.load(name), image(name)
    assert board.mcu is not None and board.mcu.programmer is not None
    assert "hardware" in board.title and "never" in board.source
    flash, sram = region(board.mcu, "flash"), region(board.mcu, "sram")
    assert made.image.flash_bytes < 8192 < flash.size_bytes
    assert made.image.ram_bytes < sram.size_bytes
    for segment in made.image.segments:
        assert flash.origin <= segment.address
        assert segment.address + len(segment.data) <= flash.origin + flash.size_bytes
    assert made.image.symbols["hwk_sram_end"] == sram.origin + sram.size_bytes
    binary = made.path.with_suffix(".bin").read_bytes()
    if board.mcu.core.startswith("cortex"):
        top, entry = struct.unpack_from("<II", binary, board.mcu.boot2_bytes)
        assert (top, entry) == (made.image.symbols["hwk_stack_top"], made.image.entry)
        assert (flash.origin + board.mcu.boot2_bytes) % 256 == 0
    else:
        assert made.image.entry == flash.origin
    assert made.path.with_suffix(".uf2").exists() == bool(board.mcu.uf2_family)


def test_a_port_is_asked_for(image: Image) -> None:
    with (
        pytest.raises(ConfigError, match="--port"),
        open_board(boards.load("rpi_pico"), image("rpi_pico").path),
    ):
        pass


def test_the_rom_of_an_rp2040_accepts_its_boot_stage(image: Image) -> None:
    assert boot2.crc32(b"123456789") == 0x0376E6E7
    stage = image("rpi_pico").path.with_suffix(".bin").read_bytes()[:256]
    assert struct.unpack("<I", stage[252:])[0] == boot2.crc32(stage[:252])
    with pytest.raises(FormatError, match="boot stage of 256 bytes; the ROM loads 128"):
        boot2.seal(image("rpi_pico").path, 128)
    with pytest.raises(FormatError, match="boot stage of 0 bytes"):
        boot2.seal(image("rpi_pico2").path, 256)


def test_the_rom_of_an_rp2350_finds_its_image(image: Image) -> None:
    binary = image("rpi_pico2").path.with_suffix(".bin").read_bytes()[:4096]
    words = struct.unpack(f"<{len(binary) // 4}I", binary[: len(binary) // 4 * 4])
    at = words.index(0xFFFFDED3)
    assert words[at : at + 5] == (0xFFFFDED3, 0x10210142, 0x1FF, 0, 0xAB123579)


def test_uf2_blocks_hold_the_binary(image: Image) -> None:
    path = image("rpi_pico").path
    binary, blocks = path.with_suffix(".bin").read_bytes(), path.with_suffix(".uf2").read_bytes()
    memory = b""
    count = len(blocks) // 512
    for number in range(count):
        fields = struct.unpack_from("<8I", blocks, 512 * number)
        assert fields == (
            *(0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + 256 * number),
            *(256, number, count, 0xE48BFF56),
        )
        assert struct.unpack_from("<I", blocks, 512 * number + 508)[0] == 0x0AB16F30
        memory += blocks[512 * number + 32 : 512 * number + 288]
    assert memory.rstrip(b"\xff") == binary.rstrip(b"\xff") and len(memory) - len(binary) < 256
    assert uf2(b"", 0, 0) == b""


@pytest.mark.parametrize("name", ["netduino_plus2", "hifive1"])
def test_its_own_image_runs_in_qemu(name: str, image: Image) -> None:
    board = boards.load(name)
    assert board.mcu is not None
    skip_without_qemu(board)
    with (
        Qemu(board, image(name).path) as qemu,
        open_board(board, None, qemu.port, digest=stub.DIGEST) as device,
    ):
        for shift in range(5):
            x = bytes((value + shift) % 256 for value in X)
            assert device.infer(x) == stub.add_one(x)
        assert device.selftest().passed
        assert device.info().stack_size_bytes == board.mcu.stack_bytes > device.stack_bytes()
        # QEMU has no identification of the chip, and the image finds that out.
        assert device.identity().evidence == "simulated"
        assert (device.info().chip, device.info().serial) == (0, "")
        assert min(qemu.counts().layer_instructions) > 0
