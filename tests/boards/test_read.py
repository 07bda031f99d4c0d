"""Board and part files: what a part gives, and one line for everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit import boards, resources
from hwkit.boards import MemoryRegion
from hwkit.errors import ConfigError

PART = """\
name = "chip"
title = "Chip"
source = "its datasheet"

[tools]
pyocd = "chip_t"

[mcu]
core = "cortex-m4"
cpu_flags = ["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp"]
platform = "mps2"
kernels = ["dsp", "ref"]
counter = "dwt"

[[mcu.memory]]
name = "flash"
kind = "flash"
origin = 0
size_bytes = 65536

[[mcu.memory]]
name = "sram"
kind = "sram"
origin = 0x2000_0000
size_bytes = 32768
"""

BOARD = """\
name = "mine"
title = "Mine"
target = "mcu"
part = "chip"
source = "its schematic"

[mcu]
clock_hz = 48_000_000

[mcu.uart]
driver = "cmsdk"
base = 0x4000_4000
baud = 115_200

[mcu.programmer]
tool = "pyocd"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "chip.toml").write_text(PART)
    (tmp_path / "mine.toml").write_text(BOARD)
    return tmp_path


def refused(folder: Path, old: str, new: str, file: str = "mine.toml") -> str:
    """The message about ``mine.toml`` with ``old`` replaced in ``file``."""
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError) as error:
        boards.parse(folder / "mine.toml")
    assert str(folder / file) in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


def test_a_board_is_its_part_and_what_is_around_it(folder: Path) -> None:
    board = boards.parse(folder / "mine.toml")
    assert board.mcu is not None and board.mcu.programmer is not None
    assert (board.part, board.mcu.core, board.mcu.clock_hz) == ("chip", "cortex-m4", 48_000_000)
    assert board.mcu.programmer.target == "chip_t"
    assert board.source == "its datasheet; its schematic"
    assert board.origin == board.reference == str(folder / "mine.toml")
    assert boards.load(board.reference) == board


def test_a_part_beside_its_board_or_in_a_folder_beside_it(folder: Path) -> None:
    (folder / "boards").mkdir()
    beside = folder / "boards" / "mine.toml"
    beside.write_text(BOARD)
    expected = boards.parse(folder / "mine.toml")
    assert boards.parse(beside) == expected
    (folder / "parts" / "chip.toml").rename(folder / "boards" / "chip.toml")
    beside.write_text(BOARD.replace('"chip"', '"chip.toml"'))
    assert boards.parse(beside).mcu == expected.mcu


def test_one_chip_in_several_boards(folder: Path) -> None:
    """A virtual board of a packaged part has its memory; an emulator is no fact of the chip."""
    text = BOARD.replace('"chip"', '"stm32l4r5"') + ""
    text = text.replace("clock_hz", 'emulator = "unicorn"\nclock_hz')
    (folder / "mine.toml").write_text(text)
    virtual, real = boards.parse(folder / "mine.toml"), boards.load("nucleo_l4r5zi")
    assert virtual.mcu is not None and real.mcu is not None
    assert virtual.mcu.memory == real.mcu.memory and virtual.mcu.core == real.mcu.core
    assert (virtual.evidence, real.evidence) == ("simulated", "measured")


def test_the_boards_regions_replace_the_parts_by_name(folder: Path) -> None:
    more = '\n[[mcu.memory]]\nname = "{}"\nkind = "flash"\norigin = {}\nsize_bytes = 512\n'
    own = more.format("flash", 4096) + more.format("qspi", 4608)
    (folder / "mine.toml").write_text(BOARD + own)
    board = boards.parse(folder / "mine.toml")
    assert board.mcu is not None
    assert [region.name for region in board.mcu.memory] == ["sram", "flash", "qspi"]
    assert board.mcu.memory[1] == MemoryRegion("flash", "flash", 4096, 512)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock_hz", "clock", "mcu: unknown key 'clock'; known: core, "),
        ("title", "evidence", "unknown key 'evidence'; known: name, title, "),
        ("title", "origin", "unknown key 'origin'; known: name, title, "),
        ('"mcu"', '"fpga"', "target: unknown word 'fpga'; known: mcu, edge, hls4ml, rtl, finn"),
        ('"cmsdk"', '"cmdsk"', "mcu.uart.driver: unknown word 'cmdsk'; known: cmsdk, nrf52_uart, "),
        ('"pyocd"', '"hammer"', "mcu.programmer.tool: unknown word 'hammer'; known: pyocd, "),
        ("clock_hz", 'emulator = "x"\nclock_hz', "mcu.emulator: unknown word 'x'; known: '', uni"),
        ("clock_hz", 'cost_model = "x"\nclock_hz', "cost_model: unknown word 'x'; known: '', cor"),
        ("clock_hz", 'core = "cortex-m7"\nclock_hz', "mcu.core: part chip says it; leave it out"),
        ("48_000_000", '"fast"', "mcu.clock_hz: expected a whole number, got 'fast'"),
        ('name = "mine"', 'name = "ours"', "name 'ours'; it is the file's: write 'mine'"),
        ('"chip"', '"chop"', "part: no part 'chop'; known: chip, fe310, "),
        ('"chip"', '"../chip"', "part: no part '../chip'; known: "),
        ('"chip"', "3", "part: expected a text, got 3"),
        ("[mcu]", "[mcu", "(at line"),
        ("[mcu.prog", "[settings]\nx = 1\n[mcu.prog", "settings: target 'mcu' has none"),
        ("[mcu.prog", '[edge]\nruntime = "tflm"\n[mcu.prog', "edge: target 'mcu' reads only [mcu]"),
    ],
)
def test_what_is_wrong_in_a_board(folder: Path, old: str, new: str, message: str) -> None:
    assert message in refused(folder, old, new)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"cortex-m4"', '"cortex-m9"', "mcu.core: unknown word 'cortex-m9'; known: cortex-m0plus"),
        ('platform = "mps2"', 'platform = "x"', "mcu.platform: unknown word 'x'; known: fe310, "),
        ('"ref"]', '"rif"]', "mcu.kernels: unknown word 'rif'; known: dsp, "),
        ('"dwt"', '"clock"', "mcu.counter: unknown word 'clock'; known: cmsdk_timer, "),
        ('kind = "sram"', 'kind = "ram"', "memory[1].kind: unknown word 'ram'; known: flash, "),
        ("pyocd", "pyoc", "tools: unknown tool 'pyoc'; known: pyocd, openocd, "),
        ("[mcu]", "[fpga]\npart = 'p'\n[mcu]", "a section [mcu] or a section [fpga]; write one"),
        ("counter", "clock_hz", "mcu: unknown key 'clock_hz'; known: core, "),
    ],
)
def test_what_is_wrong_in_a_part(folder: Path, old: str, new: str, message: str) -> None:
    assert message in refused(folder, old, new, "parts/chip.toml")


@pytest.mark.parametrize(
    ("target", "line", "message"),
    [
        ("edge", '[edge]\nruntime = "tfml"', "edge.runtime: unknown word 'tfml'; known: litert, "),
        ("rtl", '[fpga]\npart = "p"\nflow = "x"', "fpga.flow: unknown word 'x'; known: hls4ml_"),
        ("rtl", '[fpga]\npart = "p"\nflow = "finn"', "target 'rtl' has no 'finn'; known: veril"),
        ("rtl", '[fpga]\npart = "p"\nflow = "ecp5"\nstyle = "x"', "style: unknown word 'x'; kno"),
        ("hls4ml", '[fpga]\npart = "p"\nflow = "hls4ml"\nio_type = "x"', "io_type: unknown word"),
        ("hls4ml", '[fpga]\npart = "p"\nflow = "hls4ml"\nbackend = "x"', "backend: unknown word"),
        ("edge", "", "target 'edge' needs a section [edge]"),
    ],
)
def test_words_of_the_other_sections(target: str, line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "b.toml"
    path.write_text(f'name = "b"\ntitle = ""\ntarget = "{target}"\nsource = ""\n{line}\n')
    with pytest.raises(ConfigError) as error:
        boards.parse(path)
    assert message in str(error.value) and str(error.value).startswith(f"{path}: ")


_BANK = '\n[[mcu.memory]]\nname = "{}"\nkind = "sram"\norigin = {}\nsize_bytes = {}\n'


@pytest.mark.parametrize(
    ("bank", "message"),
    [
        (("b", 0x3000_0000, 0), "mcu.memory 'b': 0 bytes at 0x30000000; give at least one"),
        (("b", 0x3000_0000, -16), "mcu.memory 'b': -16 bytes at 0x30000000"),
        (("b", -16, 32), "mcu.memory 'b': 32 bytes at -0x10"),
        (("b", 0xFFFF_FFF0, 17), "mcu.memory 'b': 17 bytes at 0xfffffff0; give at least one, wi"),
        (("b", 0x2000_7FFF, 16), "mcu.memory 'b' at 0x20007fff overlaps 'sram' at 0x20000000"),
        (("b", 0x1FFF_FFF1, 16), "mcu.memory 'b' at 0x1ffffff1 overlaps 'sram' at 0x20000000"),
        (("b c", 0x3000_0000, 16), "mcu.memory 'b_c': another is called 'b c'; their letters"),
    ],
)
def test_memory_that_cannot_be(folder: Path, bank: tuple[str, int, int], message: str) -> None:
    second = _BANK.format("b_c", 0x4000_0000, 16)
    new = _BANK.format(*bank) + second + "\n[mcu.prog"
    assert message in refused(folder, "[mcu.prog", new)


@pytest.mark.parametrize("cycles", [-1, 1001])
def test_cycles_of_waiting_that_cannot_be(folder: Path, cycles: int) -> None:
    bank = _BANK.format("b", 0x3000_0000, 16) + f"wait_cycles = {cycles}\n"
    assert f"mcu.memory 'b': wait_cycles {cycles}; give 0 .. 1000" in refused(
        folder, "[mcu.prog", bank + "\n[mcu.prog"
    )


def test_banks_beside_each_other(folder: Path) -> None:
    path = folder / "mine.toml"
    path.write_text(BOARD + _BANK.format("b", 0x2000_8000, 1) + _BANK.format("c", 0xFFFF_FFF0, 16))
    board = boards.parse(path)
    assert board.mcu and [r.name for r in board.mcu.memory] == ["flash", "sram", "b", "c"]


def test_every_file_that_is_shipped() -> None:
    for path in resources.folder("parts").glob("*.toml"):
        assert boards.parse_part(path).source
    used = {boards.load(name).part for name in boards.names()} - {""}
    assert used == {path.stem for path in resources.folder("parts").glob("*.toml")}
    for found in boards.find_all():
        assert boards.load(found.name).name == found.name and found.hides == ()


def test_no_fact_of_a_shared_chip_is_written_twice() -> None:
    assert boards.load("arty_a7_100t").part == boards.load("hls4ml_arty_a7_100t").part
    parts = [boards.load(name).part for name in ("pynq_z2", "hls4ml_pynq_z2", "finn_sim")]
    assert parts == ["xc7z020"] * 3
    for path in resources.folder("boards").glob("*.toml"):
        text = path.read_text()
        assert "evidence" not in text
        assert "[fpga.resources]" not in text or "\npart = " not in text.split("[")[0]


def test_what_figures_of_a_board_are_worth() -> None:
    worth = {name: boards.load(name).evidence for name in boards.names()}
    assert {name for name, kind in worth.items() if kind == "simulated"} == {
        "virtual_m0", "virtual_m4", "virtual_m7", "virtual_m33", "virtual_m55", "virtual_rv32",
        "virtual_rv32_e31", "virtual_rv32v", "rtl_sim", "rtl_sim_unrolled",
    }  # fmt: skip
    assert {name for name, kind in worth.items() if kind == "estimated"} == {
        "arty_a7_100t", "pynq_z2", "ultra96v2", "zcu104", "finn_sim",
        *(name for name in worth if name.startswith("hls4ml")),
    }  # fmt: skip
