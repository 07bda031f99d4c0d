"""A deployed folder builds by itself: hwkit's image, from what lies there and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwkit import boards
from hwkit.boards import words
from hwkit.errors import ToolFailed
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import lower, section
from hwkit.targets.mcu.makefile import _GCC_CPU, FILES, build_files
from hwkit.toolchain.cache import cache_folder
from tests.cmake import program
from tests.targets.mcu.models import residual

ZIG = f"{sys.executable} -m ziglang cc"
MADE = ("firmware.elf", "firmware.bin", "firmware.hex", "firmware.uf2", "firmware.map")


def environment() -> dict[str, str]:
    """Zig keeps what it makes where hwkit's own builds keep it."""
    zig = str(cache_folder("zig"))
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": zig, "ZIG_LOCAL_CACHE_DIR": zig, "CC": ZIG}


def deployed(board: str, tmp_path: Path) -> tuple[Path, Path]:
    """A folder as hwkit left it, and a copy of its sources alone."""
    lowered = lower(residual(), boards.load(board))
    plan = emit(lowered)
    build(plan, lowered, tmp_path / "made")
    shutil.copytree(tmp_path / "made", tmp_path / "copy", ignore=shutil.ignore_patterns(*MADE))
    copy = tmp_path / "copy"
    left = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert left == set(plan.files)
    return tmp_path / "made", tmp_path / "copy"


def same(made: Path, built: Path) -> bool:
    """The forms that programmers take; an ELF file also holds names of objects."""
    names = [made / name for name in MADE[1:4] if (made / name).is_file()]
    return len(names) >= 2 and all(
        path.read_bytes() == (built / path.name).read_bytes() for path in names
    )


def test_make_gives_the_same_image(tmp_path: Path) -> None:
    made, copy = deployed("virtual_m4", tmp_path)
    command = ["make", "-s", "-C", str(copy), f"CC={ZIG}"]
    subprocess.run(command, env=environment(), check=True)
    assert same(made, copy)
    before = (copy / "firmware.elf").stat().st_mtime_ns
    subprocess.run(command, env=environment(), check=True)
    assert (copy / "firmware.elf").stat().st_mtime_ns == before


@pytest.mark.slow
def test_cmake_gives_the_same_image_where_a_boot_stage_is_sealed(tmp_path: Path) -> None:
    made, copy = deployed("rpi_pico", tmp_path)
    built = tmp_path / "built"
    for arguments in (["-S", str(copy), "-B", str(built)], ["--build", str(built)]):
        subprocess.run(
            [program("cmake"), *arguments], env=environment(), check=True, capture_output=True
        )
    assert (made / "firmware.uf2").is_file() and same(made, built)


def test_what_is_compiled_is_what_lies_there(tmp_path: Path) -> None:
    """Every source and header that hwkit compiles is the folder's own copy."""
    lowered = lower(residual(), boards.load("virtual_m4"))
    plan = emit(lowered)
    for name in ("runtime/hwk_server.c", "include/hwk_model.h", "kernels/hwk_add_s8.h"):
        broken = {**plan.files, name: b"#error found\n" + plan.files[name]}
        with pytest.raises(ToolFailed):
            build(type(plan)(broken), lowered, tmp_path / "out")


def test_the_tool_refuses_what_is_no_image(tmp_path: Path) -> None:
    tool = tmp_path / "hwk_image"
    source = tmp_path / "hwk_image.c"
    source.write_bytes(build_files(section(boards.load("virtual_m4")), 1, "")["hwk_image.c"])
    flags = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-fsanitize=address,undefined")
    subprocess.run(["gcc", *flags, str(source), "-o", str(tool)], check=True)
    image = tmp_path / "x.elf"
    head = b"\x7fELF\x01\x01" + bytes(46)
    for content, message in (
        (b"", "not an ELF image"),
        (bytes(99), "not a 32-bit"),
        (head, "no bytes to load"),
        (head[:28] + b"\xff" * 24, "cut short"),
    ):
        image.write_bytes(content)
        done = subprocess.run([tool, image, "0", "0"], capture_output=True, text=True)
        assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1
    image.write_bytes(head)
    done = subprocess.run([tool, image, "256", "0"], capture_output=True, text=True)
    assert done.returncode == 1 and "no section .boot" in done.stderr


@pytest.mark.parametrize("name", boards.names())
def test_every_microcontroller_has_its_files(name: str) -> None:
    mcu = boards.load(name).mcu
    if mcu is None:
        return
    files = build_files(mcu, 3, "")
    assert set(files) == set(FILES)
    makefile = files["Makefile"].decode()
    assert " ".join(mcu.cpu_flags) in makefile and f"platforms/{mcu.platform}/" in makefile
    assert "-DHWK_PROFILE_MARKS=4" in makefile
    for text in (makefile, files["CMakeLists.txt"].decode()):
        assert "-Werror" not in text and not re.search("@[A-Z0-9_]+@", text)


def test_each_core_has_flags_for_gcc() -> None:
    assert set(_GCC_CPU) == set(words.CORES)
