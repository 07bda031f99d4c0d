"""The runtime's memory functions against Python's, at every alignment."""

from __future__ import annotations

import ctypes
import subprocess
from functools import cache
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit import boards, resources
from hwkit.toolchain import firmware, host_cc, zig

NAMES = ("memcpy", "memmove", "memset", "memcmp")
RENAMED = [f"-D{name}=probe_{name}" for name in NAMES]
BYTES = 96


@cache
def library() -> ctypes.CDLL:
    """Under other names, so that they don't take the place of this process's own."""
    runtime = resources.folder("firmware") / "runtime"
    return ctypes.CDLL(
        str(host_cc.shared_library([runtime / "hwk_memory.c"], ["-fno-builtin", *RENAMED]))
    )


spans = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 48))
memories = st.binary(min_size=BYTES, max_size=BYTES)
quick = settings(derandomize=True, deadline=None, max_examples=300)


def call(name: str, memory: bytes, to: int, second: int, size: int) -> tuple[int, bytes]:
    """The function on offsets of one buffer; its result and the buffer afterwards."""
    function = getattr(library(), f"probe_{name}")
    function.restype = ctypes.c_int if name == "memcmp" else ctypes.c_void_p
    buffer = ctypes.create_string_buffer(memory, BYTES)
    start = ctypes.addressof(buffer)
    other = ctypes.c_int(second) if name == "memset" else ctypes.c_void_p(start + second)
    result = function(ctypes.c_void_p(start + to), other, ctypes.c_size_t(size))
    return (result if name == "memcmp" else result - start), buffer.raw


def replaced(memory: bytes, to: int, content: bytes) -> bytes:
    return memory[:to] + content + memory[to + len(content) :]


@given(memories, st.integers(0, 7), st.integers(0, 7), st.integers(0, 40))
@quick
def test_memcpy(memory: bytes, to: int, offset: int, size: int) -> None:
    source = 48 + offset
    expected = replaced(memory, to, memory[source : source + size])
    assert call("memcpy", memory, to, source, size) == (to, expected)


@given(memories, spans)
@quick
def test_memmove(memory: bytes, span: tuple[int, int, int]) -> None:
    to, source, size = span
    expected = replaced(memory, to, memory[source : source + size])
    assert call("memmove", memory, to, source, size) == (to, expected)


@given(memories, st.integers(0, 40), st.integers(-300, 300), st.integers(0, 50))
@quick
def test_memset(memory: bytes, to: int, value: int, size: int) -> None:
    expected = replaced(memory, to, bytes([value % 256]) * size)
    assert call("memset", memory, to, value, size) == (to, expected)


@given(memories, spans, st.booleans())
@quick
def test_memcmp(memory: bytes, span: tuple[int, int, int], same: bool) -> None:
    left, right, size = span
    if same:
        memory = replaced(memory, right, memory[left : left + size])
    a, b = memory[left : left + size], memory[right : right + size]
    result, _ = call("memcmp", memory, left, right, size)
    assert (result > 0) - (result < 0) == (a > b) - (a < b)


def test_words_are_read_and_written_where_words_may_lie() -> None:
    memory = resources.folder("firmware") / "runtime" / "hwk_memory.c"
    flags = ["-fno-builtin", "-fsanitize=alignment", "-fno-sanitize-recover=all", *RENAMED]
    calls = Path(__file__).with_name("memory_alignment.c")
    done = subprocess.run([host_cc.executable([calls, memory], flags)], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("core", ["m0", "m4", "m7", "m33", "m55", "rv32"])
def test_no_compiler_makes_a_call_of_a_memory_function_out_of_one(core: str) -> None:
    """It would call itself, or pull in the compiler's own."""
    mcu = boards.load(f"virtual_{core}").mcu
    assert mcu is not None
    source = resources.folder("firmware") / "runtime" / "hwk_memory.c"
    (made,) = zig.compile_objects(
        [source],
        mcu,
        include=[source.parent / "freestanding"],
        flags=firmware.board_flags(mcu),
        optimize=firmware.RUNTIME_OPTIMIZE,
    )
    with made.open("rb") as stream:
        symbols = ELFFile(stream).get_section_by_name(".symtab").iter_symbols()
        undefined = {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF"} - {""}
    assert not {name for name in undefined if "mem" in name}
