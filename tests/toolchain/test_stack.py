"""The deepest chain of calls, from objects: frames, circles, what is in no object."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit import boards
from hwkit.errors import ConfigError, FormatError
from hwkit.toolchain import stack, zig
from hwkit.toolchain.stack import EXCEPTION_BYTES, LIBRARY_BYTES, Depth

CHAIN = """\
int entry(int x);
int other(volatile int *a);
__attribute__((noinline)) static int deep(int x) { volatile int a[100]; return other(a) + x; }
__attribute__((noinline)) static int flat(int x) { volatile int a[10]; return other(a) - x; }
int entry(int x) { return flat(deep(x)) + 1; }
"""
OTHER = "int other(volatile int *a); int other(volatile int *a) { return a[0] + a[1]; }\n"


def _depth(folder: Path, board: str, *sources: str) -> Depth:
    mcu = boards.load(board).mcu
    assert mcu is not None
    paths = [folder / f"source{k}.c" for k in range(len(sources))]
    for path, source in zip(paths, sources, strict=True):
        path.write_text(source)
    return stack.deepest(zig.compile_objects(paths, mcu), "entry")


@pytest.mark.parametrize(
    ("board", "exception"),
    [("virtual_m4", EXCEPTION_BYTES), ("virtual_m0", EXCEPTION_BYTES), ("virtual_rv32", 0)],
)
def test_the_deepest_chain_and_its_frames(board: str, exception: int, tmp_path: Path) -> None:
    depth = _depth(tmp_path, board, CHAIN, OTHER)
    assert depth.chain == ("entry", "deep", "other")
    assert 400 < depth.size_bytes - exception < 460


def test_what_a_table_refers_to_may_be_called(tmp_path: Path) -> None:
    source = (
        "int deep(int x); int entry(int k); int (*const volatile table[])(int) = {deep};"
        "int deep(int x) { volatile int a[100]; a[x] = 1; return a[0]; }"
        "int entry(int k) { return table[k](k) + 1; }"
    )
    assert _depth(tmp_path, "virtual_m4", source).chain[-1] == "deep"


def test_functions_of_the_compilers_library(tmp_path: Path) -> None:
    source = "double entry(double x); double entry(double x) { return x * x; }"
    depth = _depth(tmp_path, "virtual_m4", source)
    assert depth.chain == ("entry", "__aeabi_dmul")
    assert depth.size_bytes >= LIBRARY_BYTES + EXCEPTION_BYTES


@pytest.mark.parametrize("board", ["virtual_m4", "virtual_rv32"])
def test_circles_have_no_bound(board: str, tmp_path: Path) -> None:
    one = "int f(int *); int entry(int *x); int entry(int *x) { return f(x) + 1; }"
    two = "int entry(int *x); int f(int *x); int f(int *x) { int y = *x; return entry(&y) - y; }"
    with pytest.raises(ConfigError, match="calls itself, so that no stack is surely enough"):
        _depth(tmp_path, board, one, two)


@pytest.mark.parametrize("board", ["virtual_m4", "virtual_rv32"])
def test_a_function_that_calls_itself(board: str, tmp_path: Path) -> None:
    source = "int f(int *); int entry(int n); "
    source += "int entry(int n) { int x = n; return n < 1 ? f(&x) : entry(n - 1) * f(&x); }"
    with pytest.raises(ConfigError, match="entry: calls itself"):
        _depth(tmp_path, board, source, "int f(int *x); int f(int *x) { return *x; }")


def test_what_has_no_depth(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no object has a function entry"):
        _depth(tmp_path, "virtual_m4", OTHER)
    damaged = tmp_path / "damaged.o"
    damaged.write_bytes(b"\x7fELF")
    with pytest.raises(FormatError, match="damaged"):
        stack.deepest([damaged])
