"""Reads flatbuffers without trust.

A flatbuffer is a web of offsets that its own libraries follow without looking. Here every read is
checked against the file's end, and all reads together against a budget, so that a file whose parts
point at each other costs no more than its length allows.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from hwkit.errors import FormatError

_MAX_NAME = 512
"""Bytes of a name that are kept."""
_BUDGET_PER_BYTE = 8
"""Shared constants and names are read once for each use: this many times the file in all."""
_BUDGET_BASE = 1 << 20


class Reader:
    """The bytes, and what is left of the budget."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.budget = _BUDGET_BASE + _BUDGET_PER_BYTE * len(data)

    def number(self, form: str, at: int) -> Any:
        self.spend(8)
        if not 0 <= at <= len(self.data) - struct.calcsize(form):
            raise FormatError(
                f"offset {at} is outside the file's {len(self.data)} bytes; damaged, copy it again"
            )
        return struct.unpack_from(form, self.data, at)[0]

    def spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise FormatError("its parts overlap without end; damaged, copy it again")

    def table(self, at: int) -> Table:
        return Table(self, at)

    def span(self, at: int, size: int) -> bytes:
        if size < 0 or not 0 <= at <= len(self.data) - size:
            raise FormatError(
                f"{size} bytes at {at} leave the file's {len(self.data)}; damaged, copy it again"
            )
        self.spend(size)
        return self.data[at : at + size]


class Table:
    """A flatbuffer table; fields by number, with the schema's defaults where absent."""

    __slots__ = ("at", "reader", "size", "vtable")

    def __init__(self, reader: Reader, at: int) -> None:
        self.reader, self.at = reader, at
        self.vtable = at - reader.number("<i", at)
        self.size = reader.number("<H", self.vtable)

    def position(self, field: int) -> int | None:
        offset = 4 + 2 * field
        if offset + 2 > self.size:
            return None
        relative = self.reader.number("<H", self.vtable + offset)
        return self.at + relative if relative else None

    def number(self, field: int, form: str, default: int | float) -> Any:
        at = self.position(field)
        return default if at is None else self.reader.number("<" + form, at)

    def target(self, field: int) -> int | None:
        at = self.position(field)
        return None if at is None else at + self.reader.number("<I", at)

    def child(self, field: int) -> Table | None:
        at = self.target(field)
        return None if at is None else self.reader.table(at)

    def vector(self, field: int, item_bytes: int) -> bytes:
        at = self.target(field)
        if at is None:
            return b""
        return self.reader.span(at + 4, self.reader.number("<I", at) * item_bytes)

    def tables(self, field: int) -> list[Table]:
        at = self.target(field)
        offsets = np.frombuffer(self.vector(field, 4), "<u4")
        assert at is not None or not len(offsets)
        start = 0 if at is None else at + 4
        return [self.reader.table(start + 4 * k + int(o)) for k, o in enumerate(offsets)]

    def indices(self, field: int) -> tuple[int, ...]:
        return tuple(np.frombuffer(self.vector(field, 4), "<i4").tolist())

    def text(self, field: int) -> str:
        """A name in one line, whatever its bytes are."""
        return printable(self.vector(field, 1))


def printable(name: bytes) -> str:
    """A name in one line, whatever its bytes are."""
    text = name[:_MAX_NAME].decode(errors="replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)
