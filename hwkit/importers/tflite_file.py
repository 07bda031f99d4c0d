"""Reads the bytes of a .tflite file into plain records.

A flatbuffer is a web of offsets that its own libraries follow without looking. Here every read is
checked against the file's end, and all reads together against a budget, so that a file whose parts
point at each other costs no more than its length allows. Field numbers are those of the schema
``tensorflow/lite/schema/schema.fbs``, version 3.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any

import numpy as np

from hwkit.errors import FormatError
from hwkit.importers.tflite_names import operator_name
from hwkit.ir.types import Array, Shape

MAX_FILE_BYTES = 256 << 20
_MAX_RANK = 6
_MAX_NAME = 200
"""Bytes of a name that are kept."""
_BUDGET_PER_BYTE = 8
"""Shared constants and names are read once for each use: this many times the file in all."""
_BUDGET_BASE = 1 << 20

FLOAT32, INT32, UINT8, INT64, INT16, INT8, INT4 = 0, 2, 3, 4, 7, 9, 17
TYPE_NAMES = {
    FLOAT32: "float32",
    INT32: "int32",
    UINT8: "uint8",
    INT64: "int64",
    INT16: "int16",
    INT8: "int8",
}
_DTYPES = {number: np.dtype(name).newbyteorder("<") for number, name in TYPE_NAMES.items()}

_Fields = dict[str, tuple[int, str, int | float]]
"""Options by name: field number, format, default."""
_WINDOW: _Fields = {"padding": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0)}
_OPTIONS: dict[str, _Fields] = {
    "ADD": {"activation": (0, "b", 0)},
    "AVERAGE_POOL_2D": _WINDOW
    | {"filter_w": (3, "i", 0), "filter_h": (4, "i", 0), "activation": (5, "b", 0)},
    "CONCATENATION": {"axis": (0, "i", 0), "activation": (1, "b", 0)},
    "CONV_2D": _WINDOW
    | {"activation": (3, "b", 0), "dilation_w": (4, "i", 1), "dilation_h": (5, "i", 1)},
    "DEPTHWISE_CONV_2D": _WINDOW
    | {"activation": (4, "b", 0), "dilation_w": (5, "i", 1), "dilation_h": (6, "i", 1)},
    "DEPTH_TO_SPACE": {"block": (0, "i", 0)},
    "FULLY_CONNECTED": {"activation": (0, "b", 0), "weights_format": (1, "b", 0)},
    "LEAKY_RELU": {"alpha": (0, "f", 0.0)},
    "MUL": {"activation": (0, "b", 0)},
    "PACK": {"axis": (1, "i", 0)},
    "RESIZE_NEAREST_NEIGHBOR": {"align_corners": (0, "b", 0), "half_pixel_centers": (1, "b", 0)},
    "SOFTMAX": {"beta": (0, "f", 0.0)},
    "SPACE_TO_DEPTH": {"block": (0, "i", 0)},
    "STRIDED_SLICE": {
        "begin_mask": (0, "i", 0),
        "end_mask": (1, "i", 0),
        "ellipsis_mask": (2, "i", 0),
        "new_axis_mask": (3, "i", 0),
        "shrink_axis_mask": (4, "i", 0),
        "offset": (5, "b", 0),
    },
    "SUB": {"activation": (0, "b", 0)},
    "TRANSPOSE_CONV": _WINDOW | {"activation": (3, "b", 0)},
    "UNPACK": {"axis": (1, "i", 0)},
}
_OPTIONS["MAX_POOL_2D"] = _OPTIONS["AVERAGE_POOL_2D"]


@dataclass(frozen=True, slots=True)
class FileTensor:
    """``shape`` with the batch; ``scale`` empty where it is not quantized; ``data`` None for an
    activation; ``type`` a number of the schema."""

    name: str
    shape: Shape
    type: int
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int
    data: Array | None


@dataclass(frozen=True, slots=True)
class FileOperator:
    """``code`` a builtin operator's name; tensors by index, -1 where absent."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """The one subgraph of a file."""

    name: str
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def parse(data: bytes) -> TfliteFile:
    """The records in ``data``; ``FormatError`` when an offset, a count or a size is wrong."""
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise FormatError("not a TensorFlow Lite file (no TFL3 mark); convert the model again")
    reader = _Reader(data)
    root = reader.table(reader.number("<I", 0))
    subgraphs = root.tables(2)
    if len(subgraphs) != 1:
        raise FormatError(f"{len(subgraphs)} subgraphs; convert a model of exactly one")
    graph, buffers = subgraphs[0], root.tables(4)
    codes = [_operator_name(table) for table in root.tables(1)]
    tensors = tuple(_tensor(table, buffers) for table in graph.tables(0))
    operators = tuple(_operator(table, codes) for table in graph.tables(3))
    inputs, outputs = graph.indices(1), graph.indices(2)
    for index in (*inputs, *outputs, *(i for op in operators for i in op.inputs + op.outputs)):
        if not -1 <= index < len(tensors):
            raise FormatError(
                f"tensor {index} is named, the file has {len(tensors)}; damaged, copy it again"
            )
    if -1 in inputs + outputs:
        raise FormatError("a graph input or output is absent; damaged, copy it again")
    return TfliteFile(graph.text(4), tensors, operators, inputs, outputs)


class _Reader:
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

    def table(self, at: int) -> _Table:
        return _Table(self, at)

    def span(self, at: int, size: int) -> bytes:
        if size < 0 or not 0 <= at <= len(self.data) - size:
            raise FormatError(
                f"{size} bytes at {at} leave the file's {len(self.data)}; damaged, copy it again"
            )
        self.spend(size)
        return self.data[at : at + size]


class _Table:
    """A flatbuffer table; fields by number, with the schema's defaults where absent."""

    __slots__ = ("at", "reader", "size", "vtable")

    def __init__(self, reader: _Reader, at: int) -> None:
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

    def child(self, field: int) -> _Table | None:
        at = self.target(field)
        return None if at is None else self.reader.table(at)

    def vector(self, field: int, item_bytes: int) -> bytes:
        at = self.target(field)
        if at is None:
            return b""
        return self.reader.span(at + 4, self.reader.number("<I", at) * item_bytes)

    def tables(self, field: int) -> list[_Table]:
        at = self.target(field)
        offsets = np.frombuffer(self.vector(field, 4), "<u4")
        assert at is not None or not len(offsets)
        start = 0 if at is None else at + 4
        return [self.reader.table(start + 4 * k + int(o)) for k, o in enumerate(offsets)]

    def indices(self, field: int) -> tuple[int, ...]:
        return tuple(np.frombuffer(self.vector(field, 4), "<i4").tolist())

    def text(self, field: int) -> str:
        return self.vector(field, 1)[:_MAX_NAME].decode(errors="replace")


def _operator_name(table: _Table) -> str:
    # Old files have the code in the 8-bit field, new ones in both.
    code = max(table.number(0, "b", 0), table.number(3, "i", 0))
    return operator_name(code)


def _operator(table: _Table, codes: list[str]) -> FileOperator:
    index = table.number(0, "I", 0)
    if index >= len(codes):
        raise FormatError(f"operator code {index} of {len(codes)}; damaged, copy it again")
    code, options = codes[index], table.child(4)
    fields = {
        name: default if options is None else options.number(field, form, default)
        for name, (field, form, default) in _OPTIONS.get(code, {}).items()
    }
    return FileOperator(code, table.indices(1), table.indices(2), fields)


def _tensor(table: _Table, buffers: list[_Table]) -> FileTensor:
    name, shape = table.text(3), table.indices(0)
    if len(shape) > _MAX_RANK or any(size < 1 for size in shape):
        raise FormatError(f"tensor {name!r} has shape {shape[:8]}; convert with a fixed shape")
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    axis = 0
    if (quantization := table.child(4)) is not None:
        scale = tuple(np.frombuffer(quantization.vector(2, 4), "<f4").tolist())
        zero_point = tuple(np.frombuffer(quantization.vector(3, 8), "<i8").tolist())
        axis = quantization.number(6, "i", 0)
        if not all(isfinite(s) and s > 0 for s in scale) or len(zero_point) not in (0, len(scale)):
            raise FormatError(
                f"tensor {name!r}: scales must be finite and above 0, with zero points"
            )
    kind = table.number(1, "b", 0)
    return FileTensor(name, shape, kind, scale, zero_point, axis, _data(table, buffers, name, kind))


def _data(table: _Table, buffers: list[_Table], name: str, kind: int) -> Array | None:
    index = table.number(2, "I", 0)
    if index == 0:
        return None
    if index >= len(buffers):
        raise FormatError(
            f"tensor {name!r} names buffer {index} of {len(buffers)}; damaged, copy it again"
        )
    content = buffers[index].vector(0, 1)
    if not content or kind not in (*_DTYPES, INT4):
        return None
    dtype, shape = _DTYPES[INT8 if kind == INT4 else kind], table.indices(0)
    packed = 2 if kind == INT4 else 1
    if len(content) != -(-prod(shape) * dtype.itemsize // packed):
        raise FormatError(
            f"tensor {name!r} of shape {shape} has {len(content)} bytes of data; "
            "damaged, copy it again"
        )
    if kind == INT4:
        return _nibbles(content)[: prod(shape)].reshape(shape)
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _nibbles(content: bytes) -> Array:
    """Signed 4-bit integers, two a byte, the low half first: 0xF1 holds 1 and -1."""
    pairs = np.frombuffer(content, np.int8)
    halves: Array = np.stack([(pairs << 4) >> 4, pairs >> 4], axis=1)
    return halves.reshape(-1)
