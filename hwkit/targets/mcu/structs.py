"""C structs as plain values: what a kernel's descriptor is before it becomes text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hwkit.ir.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A constant array in flash: ``purpose`` names it within its layer, ``values`` has the dtype
    of its elements."""

    purpose: str
    values: Array

    @property
    def bytes(self) -> int:
        """Its size; every table starts at a multiple of 4, of 64-bit integers at one of 8."""
        return int(self.values.nbytes)


@dataclass(frozen=True, slots=True)
class Enumerator:
    """A constant of a C enumeration, by name and value."""

    name: str
    value: int


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Struct:
    """Fields in the order of the C declaration."""

    fields: Mapping[str, Value]


Value: TypeAlias = "int | Enumerator | Table | Struct | tuple[int | Struct, ...] | None"
"""A field of a struct; None is a null pointer."""


def tables(struct: Struct) -> Iterator[Table]:
    """Every table that ``struct`` points to, in the order of its fields."""
    for value in struct.fields.values():
        if isinstance(value, Table):
            yield value
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Struct):
                yield from tables(part)
