"""Reads the bytes of a .tflite file into plain records.

Field numbers are those of the schema ``tensorflow/lite/schema/schema.fbs``, version 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite, prod
from typing import Any

import numpy as np

from hwkit.errors import FormatError
from hwkit.importers.tflite.flatbuffer_reader import Reader, Table, printable
from hwkit.importers.tflite.names import operator_name
from hwkit.importers.tflite.sparse import Level, Sparsity, densified
from hwkit.ir.storage import Storage
from hwkit.ir.types import Array, IntType, Shape, TensorType

MAX_FILE_BYTES = 256 << 20
_MAX_RANK = 6

FLOAT32, FLOAT16, INT32, UINT8, INT64, INT16, INT8, FLOAT64, INT4 = 0, 1, 2, 3, 4, 7, 9, 10, 17
BOOL = 6
FLOATS = frozenset((FLOAT32, FLOAT16, FLOAT64))
TYPE_NAMES = {
    FLOAT32: "float32",
    FLOAT16: "float16",
    INT32: "int32",
    UINT8: "uint8",
    INT64: "int64",
    INT16: "int16",
    INT8: "int8",
    FLOAT64: "float64",
    BOOL: "bool",
}
_DTYPES = {number: np.dtype(name).newbyteorder("<") for number, name in TYPE_NAMES.items()}
_DTYPES[BOOL] = np.dtype(np.int8)  # A byte that is 0 or 1.

_Fields = dict[str, tuple[int, str, int | float]]
"""Options by name: field number, format, default."""
_WINDOW: _Fields = {"padding": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0)}
_OPTIONS: dict[str, _Fields] = {
    "ADD": {"activation": (0, "b", 0)},
    "AVERAGE_POOL_2D": _WINDOW
    | {"filter_w": (3, "i", 0), "filter_h": (4, "i", 0), "activation": (5, "b", 0)},
    "BATCH_MATMUL": {"adj_x": (0, "b", 0), "adj_y": (1, "b", 0)},
    "CALL_ONCE": {"subgraph": (0, "i", 0)},
    "CONCATENATION": {"axis": (0, "i", 0), "activation": (1, "b", 0)},
    "CONV_2D": _WINDOW
    | {"activation": (3, "b", 0), "dilation_w": (4, "i", 1), "dilation_h": (5, "i", 1)},
    "DEPTHWISE_CONV_2D": _WINDOW
    | {
        "multiplier": (3, "i", 0),
        "activation": (4, "b", 0),
        "dilation_w": (5, "i", 1),
        "dilation_h": (6, "i", 1),
    },
    "DEPTH_TO_SPACE": {"block": (0, "i", 0)},
    "DIV": {"activation": (0, "b", 0)},
    "FULLY_CONNECTED": {"activation": (0, "b", 0), "weights_format": (1, "b", 0)},
    "GATHER": {"axis": (0, "i", 0), "batch_dims": (1, "i", 0)},
    "GELU": {"approximate": (0, "b", 0)},
    "LEAKY_RELU": {"alpha": (0, "f", 0.0)},
    "MIRROR_PAD": {"mode": (0, "b", 0)},
    "MUL": {"activation": (0, "b", 0)},
    "PACK": {"axis": (1, "i", 0)},
    "RESIZE_BILINEAR": {"align_corners": (2, "b", 0), "half_pixel_centers": (3, "b", 0)},
    "RESIZE_NEAREST_NEIGHBOR": {"align_corners": (0, "b", 0), "half_pixel_centers": (1, "b", 0)},
    "SOFTMAX": {"beta": (0, "f", 0.0)},
    "SPACE_TO_DEPTH": {"block": (0, "i", 0)},
    "SVDF": {"rank": (0, "i", 0), "activation": (1, "b", 0)},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {
        "activation": (0, "b", 0),
        "cell_clip": (1, "f", 0.0),
        "proj_clip": (2, "f", 0.0),
        "time_major": (3, "b", 0),
    },
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
    activation; ``type`` a number of the schema; ``is_variable``: an operator keeps it. A size may
    be 0: such a tensor holds nothing."""

    name: str
    shape: Shape
    type: int
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int
    data: Array | None
    is_variable: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """What names a variable: equal ones are the same, in every subgraph."""

    container: bytes = b""
    name: bytes = b""

    @property
    def shown(self) -> str:
        """For messages, in one line."""
        return f"variable {printable(self.name)!r}"


@dataclass(frozen=True, slots=True)
class FileOperator:
    """``code`` a builtin operator's name; tensors by index, -1 where absent; ``variable`` is that
    of a VAR_HANDLE."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int | float]
    variable: Variable = Variable()


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """The subgraph that a runtime runs, and the ``others``, which it may call: the first of them
    is subgraph 1. ``input_names`` and ``output_names`` are those of its signature, in the order of
    ``inputs`` and ``outputs``, "" for one that it does not name; both are empty without one."""

    name: str
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    others: tuple[TfliteFile, ...] = ()
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()


def parse(data: bytes) -> TfliteFile:
    """The records in ``data``; ``FormatError`` when an offset, a count or a size is wrong."""
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise FormatError("not a TensorFlow Lite file (no TFL3 mark); convert the model again")
    reader = Reader(data)
    root = reader.table(reader.number("<I", 0))
    buffers = root.tables(4)
    codes = [_operator_name(table) for table in root.tables(1)]
    subgraphs = [_subgraph(table, codes, buffers) for table in root.tables(2)]
    if not subgraphs:
        raise FormatError("no subgraph; damaged, copy it again")
    return replace(_with_signature(subgraphs[0], root), others=tuple(subgraphs[1:]))


def with_versions(data: bytes, most: Mapping[str, int]) -> bytes:
    """The file with the version of each operator that ``most`` names no higher than it says: a
    runtime registers a kernel for the versions that it has heard of, and computes alike in all.

    Raises ``FormatError`` as ``parse``.
    """
    changed = bytearray(data)
    reader = Reader(data)
    for table in reader.table(reader.number("<I", 0)).tables(1):
        at, highest = table.position(_VERSION), most.get(_operator_name(table))
        if at is not None and highest is not None and reader.number("<i", at) > highest:
            changed[at : at + 4] = highest.to_bytes(4, "little")
    return bytes(changed)


_VERSION = 2
"""Field of an operator code."""


def _with_signature(file: TfliteFile, root: Table) -> TfliteFile:
    """``file``, subgraph 0, with the names of its signature: of several that which runtimes take
    unless they are told another."""
    found = {table.text(2): table for table in root.tables(7) if not table.number(4, "I", 0)}
    if not found:
        return file
    signature = found.get("serving_default") or next(iter(found.values()))
    return replace(
        file,
        input_names=_names_of(signature.tables(0), file.inputs),
        output_names=_names_of(signature.tables(1), file.outputs),
    )


def _names_of(maps: list[Table], indices: tuple[int, ...]) -> tuple[str, ...]:
    """The name of each of the tensors ``indices``; one that is there twice has two."""
    names: dict[int, list[str]] = {}
    for entry in maps:
        names.setdefault(entry.number(1, "I", 0), []).append(entry.text(0))
    left = {index: iter(of) for index, of in names.items()}
    return tuple(next(left.get(index, iter(())), "") for index in indices)


def _subgraph(graph: Table, codes: list[str], buffers: list[Table]) -> TfliteFile:
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


def _operator_name(table: Table) -> str:
    # Old files have the code in the 8-bit field, new ones in both.
    code = max(table.number(0, "b", 0), table.number(3, "i", 0))
    name = operator_name(code)
    return f"CUSTOM {table.text(1)}".strip() if name == "CUSTOM" else name


def _operator(table: Table, codes: list[str]) -> FileOperator:
    index = table.number(0, "I", 0)
    if index >= len(codes):
        raise FormatError(f"operator code {index} of {len(codes)}; damaged, copy it again")
    code, options = codes[index], table.child(4)
    fields = {
        name: default if options is None else options.number(field, form, default)
        for name, (field, form, default) in _OPTIONS.get(code, {}).items()
    }
    variable = Variable()
    if code == "VAR_HANDLE" and options is not None:
        variable = Variable(options.vector(0, 1), options.vector(1, 1))
        if b"\0" in variable.container + variable.name:  # where C ends a name, and C++ does not
            raise FormatError(f"{variable.shown} has a 0 in its name; damaged, copy it again")
    return FileOperator(code, table.indices(1), table.indices(2), fields, variable)


def _tensor(table: Table, buffers: list[Table]) -> FileTensor:
    name, shape = table.text(3), table.indices(0)
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape):
        raise FormatError(f"tensor {name!r} has shape {shape[:8]}; convert with a fixed shape")
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    axis = 0
    if (quantization := table.child(4)) is not None:
        if quantization.number(4, "B", 0) == _BLOCKWISE:
            raise FormatError(f"tensor {name!r} has scales by block; convert with one a channel")
        scale = tuple(np.frombuffer(quantization.vector(2, 4), "<f4").tolist())
        zero_point = tuple(np.frombuffer(quantization.vector(3, 8), "<i8").tolist())
        axis = quantization.number(6, "i", 0)
        # LiteRT refuses scales without zero points, and TFLM drops both without a word.
        if not all(isfinite(s) and s > 0 for s in scale) or len(zero_point) != len(scale):
            raise FormatError(
                f"tensor {name!r}: scales must be finite and above 0, with zero points"
            )
    kind = table.number(1, "b", 0)
    data, variable = _data(table, buffers, name, kind), bool(table.number(5, "B", 0))
    return FileTensor(name, shape, kind, scale, zero_point, axis, data, variable)


_BLOCKWISE = 2
"""Number of ``BlockwiseQuantization`` among the details of a quantization."""


def _data(table: Table, buffers: list[Table], name: str, kind: int) -> Array | None:
    index = table.number(2, "I", 0)
    if index == 0:
        return None
    if index >= len(buffers):
        raise FormatError(
            f"tensor {name!r} names buffer {index} of {len(buffers)}; damaged, copy it again"
        )
    content, shape = _content(buffers[index]), table.indices(0)
    if not content or kind not in (*_DTYPES, INT4):
        return None
    dtype = _DTYPES[INT8 if kind == INT4 else kind]
    if (record := table.child(6)) is not None:
        if kind == INT4:
            raise FormatError(f"tensor {name!r} is sparse int4; convert it as int8 or dense")
        values = _elements(content, kind, dtype, len(content) // dtype.itemsize, name, shape)
        return densified(values, shape, _sparsity(record), f"tensor {name!r}")
    return _elements(content, kind, dtype, prod(shape), name, shape).reshape(shape)


def _sparsity(table: Table) -> Sparsity:
    levels = []
    for level in table.tables(2):
        dense = level.number(0, "b", 0) == 0
        numbers = None if dense else (_index_vector(level, 2), _index_vector(level, 4))
        levels.append(Level(level.number(1, "i", 0), numbers))
    return Sparsity(table.indices(0), table.indices(1), tuple(levels))


def _index_vector(level: Table, field: int) -> Array:
    """A union: the field before says which integers its one vector holds."""
    vector, kind = level.child(field + 1), level.number(field, "B", 0)
    form = {1: "<i4", 2: "<u2", 3: "<u1"}.get(kind)
    if vector is None or form is None:
        return np.zeros(0, np.int64)
    return np.frombuffer(vector.vector(0, np.dtype(form).itemsize), form).astype(np.int64)


def _content(buffer: Table) -> bytes:
    """The bytes of a buffer: inside the flatbuffer, or behind it in a file above 2 GB."""
    at, size = buffer.number(1, "Q", 0), buffer.number(2, "Q", 0)
    return buffer.reader.span(at, size) if at > 1 and size else buffer.vector(0, 1)


def _elements(
    content: bytes, kind: int, dtype: np.dtype[Any], count: int, name: str, shape: Shape
) -> Array:
    packed = 2 if kind == INT4 else 1
    if len(content) != -(-count * dtype.itemsize // packed):
        raise FormatError(
            f"tensor {name!r} of shape {shape} has {len(content)} bytes of data; "
            "damaged, copy it again"
        )
    if kind == INT4:
        return Storage(4).unpack(content, TensorType((count,), IntType(4, True)))
    return np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))
