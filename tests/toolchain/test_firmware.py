"""Building an image: sections, symbols, flash files, the object cache."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hwkit.boards import McuBoard
from hwkit.errors import ConfigError, FormatError, ToolFailed
from hwkit.toolchain import elf, firmware, zig
from hwkit.toolchain.linker_script import linker_script
from tests.firmware.runtime import stub

assert stub.BOARD.mcu is not None
MCU: McuBoard = stub.BOARD.mcu

SOURCE = """\
int8_t probe(void);
const int table[4] = {1, 2, 3, 4};
int counter = 7;
static int zeroed[5];
int8_t probe(void) { return (int8_t)(table[counter & 3] + zeroed[counter & 3]++); }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> firmware.Firmware:
    return stub.virtual_image(tmp_path_factory.mktemp("stub"))


def test_sizes_and_symbols(made: firmware.Firmware) -> None:
    image = made.image
    assert image.stack_bytes == 1024
    assert image.symbols["hwk_stack_top"] - image.symbols["hwk_stack_limit"] == 1024
    assert image.symbols["hwk_stack_limit"] == 0x2000_0000
    assert image.address("hwk_profile_mark") % 2 == 0
    assert image.symbol_bytes["arena"] == 192
    assert image.symbols["arena"] % 16 == 0
    assert image.entry == image.address("Reset_Handler") | 1
    assert 1000 < image.code_bytes < 8000
    assert image.bss_bytes > 192
    assert image.flash_bytes == image.code_bytes + image.rodata_bytes + image.data_bytes
    assert made.tools["zig"] == zig.version()
    with pytest.raises(FormatError, match="no_such_symbol"):
        image.address("no_such_symbol")


def test_binary_is_what_a_loader_puts_in_flash(made: firmware.Firmware) -> None:
    binary = made.path.with_suffix(".bin").read_bytes()
    top, entry = (int.from_bytes(binary[at : at + 4], "little") for at in (0, 4))
    assert (top, entry) == (made.image.symbols["hwk_stack_top"], made.image.entry)
    assert len(binary) >= made.image.flash_bytes


def test_hex_holds_the_same_bytes(made: firmware.Firmware) -> None:
    memory: dict[int, int] = {}
    upper = 0
    rows = made.path.with_suffix(".hex").read_text().splitlines()
    for row in rows:
        record = bytes.fromhex(row[1:])
        assert row[0] == ":" and sum(record) % 256 == 0 and record[0] == len(record) - 5
        address, kind, data = int.from_bytes(record[1:3], "big"), record[3], record[4:-1]
        if kind == 4:
            upper = int.from_bytes(data, "big") << 16
        elif kind == 0:
            memory |= {upper + address + i: byte for i, byte in enumerate(data)}
    assert rows[-1] == ":00000001FF"
    loaded = {s.address + i: byte for s in made.image.segments for i, byte in enumerate(s.data)}
    assert memory == loaded


def test_building_again_gives_the_same_bytes(made: firmware.Firmware, tmp_path: Path) -> None:
    again = stub.virtual_image(tmp_path)
    assert again.path.with_suffix(".bin").read_bytes() == (
        made.path.with_suffix(".bin").read_bytes()
    )


def test_objects_come_from_the_cache_until_something_changes(tmp_path: Path) -> None:
    source, header = tmp_path / "probe.c", tmp_path / "probe.h"
    header.write_text("#include <stdint.h>\n")
    source.write_text('#include "probe.h"\n' + SOURCE)
    first = zig.compile_objects([source], MCU)
    stamp = first[0].stat().st_mtime_ns
    assert zig.compile_objects([source], MCU) == first
    assert first[0].stat().st_mtime_ns == stamp
    assert zig.compile_objects([source], MCU, optimize="-Os") != first
    assert zig.compile_objects([source], MCU, flags=["-DX"]) != first
    header.write_text("#include <stdint.h>\n#define NEW\n")
    assert zig.compile_objects([source], MCU) != first


def test_concurrent_builds_agree(tmp_path: Path) -> None:
    source = tmp_path / "same.c"
    source.write_text(f"/* {tmp_path} */\n#include <stdint.h>\n" + SOURCE)
    made: list[list[Path]] = []
    threads = [
        threading.Thread(target=lambda: made.append(zig.compile_objects([source], MCU)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [made[0]] * 3
    assert made[0][0].read_bytes()[:4] == b"\x7fELF"


def test_a_source_that_does_not_compile_names_its_log(tmp_path: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int main(void) { return unknown; }\n")
    with pytest.raises(ToolFailed) as caught:
        zig.compile_objects([source], MCU)
    assert "unknown" in Path(caught.value.log).read_text()
    with pytest.raises(ConfigError, match=r"none\.c"):
        zig.compile_objects([tmp_path / "none.c"], MCU)


def test_a_memory_that_overflows_fails_the_link(tmp_path: Path) -> None:
    small = tuple(
        replace(span, size_bytes=2048) if span.kind == "flash" else span for span in MCU.memory
    )
    with pytest.raises(ToolFailed) as caught:
        firmware.build([stub.SOURCE], replace(MCU, memory=small), tmp_path, flags=stub.flags())
    assert "FLASH" in Path(caught.value.log).read_text()


def test_linker_script_takes_the_board_s_memory() -> None:
    script = linker_script(MCU, 4096)
    assert "ORIGIN = 0x20000000, LENGTH = 0x400000" in script
    for wrong in (0, -8, 12):
        with pytest.raises(ConfigError, match="multiple of 8"):
            linker_script(MCU, wrong)
    with pytest.raises(ConfigError, match="kind 'flash'"):
        linker_script(replace(MCU, memory=()))


def test_damaged_images_are_refused(made: firmware.Firmware, tmp_path: Path) -> None:
    content = made.path.read_bytes()
    path = tmp_path / "damaged.elf"
    for size in (0, 3, 10, 51, 60, 100, len(content) // 2, len(content) - 7):
        path.write_bytes(content[:size])
        with pytest.raises(FormatError):
            elf.read(path)
    with pytest.raises(FormatError):
        elf.read(tmp_path / "none.elf")


def test_flipped_bytes_never_give_a_traceback(made: firmware.Firmware, tmp_path: Path) -> None:
    content = made.path.read_bytes()
    path = tmp_path / "flipped.elf"
    for at in [*range(52), *range(52, len(content), 211)]:
        flipped = bytearray(content)
        flipped[at] ^= 0xFF
        path.write_bytes(flipped)
        try:
            elf.read(path)
        except FormatError as error:
            assert "\n" not in str(error)
