"""C source text of values: tables, descriptors, names."""

from __future__ import annotations

import re

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.structs import Enumerator, Struct, Table, Value

_C_TYPES = {name: f"{name}_t" for name in ("int8", "uint8", "int16", "int32", "uint32", "int64")}
_PER_LINE = 16


def comment(text: str) -> str:
    """``text`` in a form that cannot end a comment or a line.

    Example: ``a*/b`` gives ``a__b``.
    """
    return re.sub(r"[^A-Za-z0-9_.:\-]", "_", text)[:63]


def layer_symbol(index: int, part: int) -> str:
    """What the names of a layer's call begin with: ``layer3``, ``layer3_part1``."""
    return f"layer{index}" if part == 0 else f"layer{index}_part{part}"


def table_declaration(symbol: str, table: Table) -> str:
    """``extern const int8_t layer0_weights[432];``"""
    return f"extern const {_c_type(table.values)} {symbol}[{table.values.size}];"


def table_definition(symbol: str, table: Table) -> str:
    """The array with its values, at a multiple of 4 bytes, or 8 for integers of 64 bits."""
    flat = [str(value) for value in table.values.reshape(-1).tolist()]
    lines = [", ".join(flat[k : k + _PER_LINE]) for k in range(0, len(flat), _PER_LINE)]
    body = ",\n    ".join(_minimum_safe(line, table.values) for line in lines)
    array = f"const {_c_type(table.values)} {symbol}[{table.values.size}]"
    return f"_Alignas({max(4, table.values.dtype.itemsize)}) {array} = {{\n    {body}}};\n"


def initializer(struct: Struct, symbol: str, indent: int = 1) -> str:
    """A designated initializer; tables become ``<symbol>_<purpose>``."""
    pad = "    " * indent
    fields = ",\n".join(
        f"{pad}.{name} = {_value(value, symbol, indent)}" for name, value in struct.fields.items()
    )
    return f"{{\n{fields}}}"


def constant(value: int | Enumerator | None) -> str:
    """A number, the name of an enumerator, or NULL."""
    if value is None:
        return "NULL"
    return value.name if isinstance(value, Enumerator) else _number(value)


def _value(
    value: Value,
    symbol: str,
    indent: int,
) -> str:
    if isinstance(value, Table):
        return f"{symbol}_{value.purpose}"
    if isinstance(value, Struct):
        return initializer(value, symbol, indent + 1)
    if isinstance(value, tuple):
        return f"{{{', '.join(_value(part, symbol, indent + 1) for part in value)}}}"
    return constant(value)


def _number(value: int) -> str:
    """-2**31 has no literal of type int."""
    return "INT32_MIN" if value == -(1 << 31) else str(value)


def _minimum_safe(line: str, values: Array) -> str:
    if values.dtype == np.int64:
        return re.sub(r"(-?\d+)", r"INT64_C(\1)", line)
    if values.dtype != np.int32:
        return line
    return re.sub(r"-2147483648\b", "INT32_MIN", line)


def _c_type(values: Array) -> str:
    return _C_TYPES[values.dtype.name]
