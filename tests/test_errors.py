"""The line of an error and its parts: where, what, remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.errors import (
    AccumulatorOverflow,
    BitExactnessError,
    ConfigError,
    HwkitError,
    ToolFailed,
    ToolMissing,
    UnsupportedOp,
    parted,
)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("m.hwk: checksum is wrong; write it", ("m.hwk", "checksum is wrong", "write it")),
        ("b.toml: mcu.core: unknown word 'x; y: z'; known: a, b",
         ("b.toml: mcu.core", "unknown word 'x; y: z'", "known: a, b")),
        ("no board 'a: b; c'; known boards: d", ("", "no board 'a: b; c'", "known boards: d")),
        ("board b: 30000 LUT, it has 24288", ("board b", "30000 LUT, it has 24288", "")),
        ("part (ST: the F4; its file): damaged", ("part (ST: the F4; its file)", "damaged", "")),
        ("the board's UART: silent; the host's end: look at it",
         ("the board's UART", "silent", "the host's end: look at it")),
        ("--port socket://h:1: refused; start it", ("--port socket://h:1", "refused", "start it")),
        ("out of memory", ("", "out of memory", "")),
        ("", ("", "", "")),
    ],
)  # fmt: skip
def test_a_line_in_its_parts(line: str, parts: tuple[str, str, str]) -> None:
    assert parted(line) == parts
    assert (ConfigError(line).where, ConfigError(line).remedy) == (parts[0], parts[2])


@given(st.text())
def test_nothing_is_lost(line: str) -> None:
    where, what, remedy = parted(line)
    assert "".join((where + ": " if where else "", what, "; " + remedy if remedy else "")) in (
        line, line.removesuffix("; "), line.removeprefix(": "),
        line.removeprefix(": ").removesuffix("; "),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "where", "remedy"),
    [
        (UnsupportedOp("a: b; c", "t", "do; it"), "a: b; c", "do; it"),
        (AccumulatorOverflow("a: b", "sum 9; too much"), "a: b", "too much"),
        (BitExactnessError("conv", (0, 1), 2, 3), "conv[0,1]", ""),
        (ToolMissing("zig", "pip install x"), "zig", "pip install x"),
        (ToolFailed("cc a", 1, "/l/a.log"), "/l/a.log", "read /l/a.log"),
    ],
)
def test_errors_that_know_their_parts(error: HwkitError, where: str, remedy: str) -> None:
    assert (error.where, error.remedy) == (where, remedy)
