"""The ``.hwk`` file: versioned, deterministic to the byte, validated on load, never pickle.

Layout, little endian: ``HWKG``, version (u32), header length (u64), header (canonical JSON),
constants back to back in their container dtypes in the header's order, SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from hwkit.errors import ConfigError, FormatError, GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import OP_TYPES, Op, Padding, Rescale
from hwkit.ir.types import Array, IntType, Quantization, TensorType
from hwkit.ir.verify import MAX_ELEMENTS, verify

MAGIC = b"HWKG"
VERSION = 1
_PREFIX = struct.Struct("<4sIQ")
_DIGEST_BYTES = 32
MAX_FILE_BYTES = 1 << 30


def to_bytes(graph: Graph) -> bytes:
    """The graph as the bytes of a ``.hwk`` file; equal graphs give equal bytes."""
    header = {
        "name": graph.name,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "metadata": dict(graph.metadata),
        "tensors": {name: asdict(tensor) for name, tensor in graph.tensors.items()},
        "constants": sorted(graph.constants),
        "nodes": [{"op": type(op).__name__, **asdict(op)} for op in graph.nodes],
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    parts = [_PREFIX.pack(MAGIC, VERSION, len(text)), text]
    for name in sorted(graph.constants):
        value = graph.constants[name]
        parts.append(value.astype(value.dtype.newbyteorder("<")).tobytes())
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def digest(graph: Graph) -> str:
    """SHA-256 (hex) of the graph's file: the name by which measurements know it."""
    return hashlib.sha256(to_bytes(graph)).hexdigest()


def from_bytes(data: bytes, where: str = "graph") -> Graph:
    """The graph in ``data``, verified. Raises ``FormatError`` (naming ``where``) for bytes that
    are cut short, altered, of another version or no graph."""
    if len(data) < _PREFIX.size + _DIGEST_BYTES or data[:4] != MAGIC:
        raise FormatError(f"{where}: not a .hwk graph or cut short ({len(data)} bytes); {_REMEDY}")
    _, version, header_bytes = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise FormatError(f"{where}: .hwk version {version}, this hwkit reads version {VERSION}")
    body = data[:-_DIGEST_BYTES]
    if hashlib.sha256(body).digest() != data[-_DIGEST_BYTES:]:
        raise FormatError(f"{where}: checksum does not match, the file is damaged; {_REMEDY}")
    start = _PREFIX.size + header_bytes
    if start > len(body):
        raise FormatError(f"{where}: header of {header_bytes} bytes runs past the end; {_REMEDY}")
    try:
        header = json.loads(body[_PREFIX.size : start])
        return verify(_graph(header, memoryview(body)[start:]))
    except GraphError as error:
        raise FormatError(f"{where}: {error}; {_REMEDY}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{where}: malformed header ({reason}); {_REMEDY}") from error


_REMEDY = "import or train the model again"


def save(graph: Graph, path: str | Path) -> None:
    """Writes ``graph`` beside ``path`` and renames, so that a failure leaves no broken file."""
    write_atomically(Path(path), to_bytes(graph))


def load(path: str | Path) -> Graph:
    """Reads a ``.hwk`` file of at most 1 GiB; ``ConfigError`` when it cannot be opened."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise FormatError(f"{path}: {size} bytes are more than a .hwk may have")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; give an existing .hwk") from error
    return from_bytes(data, str(path))


def write_atomically(path: Path, data: bytes) -> None:
    """Writes ``data`` to a temporary neighbour, flushes it to the disk and renames it to ``path``.

    Raises ``ConfigError`` (full disk, no permission); then ``path`` is as it was before.
    """
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as handle:
            temporary = handle.name
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ConfigError(
            f"{path}: cannot write: {error.strerror or error}; nothing was changed"
        ) from error


def _graph(header: Mapping[str, Any], payload: memoryview) -> Graph:
    tensors = {name: _tensor(record) for name, record in header["tensors"].items()}
    constants: dict[str, Array] = {}
    position = 0
    for name in header["constants"]:
        tensor = tensors[name]
        if tensor.elements > MAX_ELEMENTS or not tensor.shape or min(tensor.shape) < 1:
            raise ValueError(f"constant {name!r} has shape {tensor.shape}")
        size = tensor.container_bytes
        raw = np.frombuffer(payload[position : position + size], tensor.dtype.container)
        constants[name] = raw.reshape(tensor.shape)
        position += size
    if position != len(payload):
        raise ValueError(f"{len(payload)} bytes of constants where {position} are described")
    return Graph(
        name=_typed(str, header["name"], "name"),
        nodes=tuple(_op(record) for record in header["nodes"]),
        tensors=tensors,
        constants=constants,
        inputs=_typed(tuple[str, ...], header["inputs"], "inputs"),
        outputs=_typed(tuple[str, ...], header["outputs"], "outputs"),
        metadata={str(key): str(value) for key, value in header["metadata"].items()},
    )


def _tensor(record: Mapping[str, Any]) -> TensorType:
    tensor: TensorType = _record(TensorType, record)
    if not 1 <= tensor.dtype.bits <= 32:
        raise ValueError(f"bit width {tensor.dtype.bits}")
    return tensor


def _op(record: Mapping[str, Any]) -> Op:
    name = record["op"]
    if name not in OP_TYPES:
        raise ValueError(f"unknown op {name!r}; known: {', '.join(OP_TYPES)}")
    op: Op = _record(OP_TYPES[name], {k: v for k, v in record.items() if k != "op"})
    return op


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)


_RECORDS = (Rescale, Padding, IntType, Quantization)


def _record(cls: type[Any], record: Mapping[str, Any]) -> Any:
    hints = _hints(cls)
    if not isinstance(record, dict) or (unknown := set(record) - set(hints)):
        raise ValueError(f"{cls.__name__}: unexpected {unknown if record else record!r}")
    needed = {f.name for f in fields(cls) if f.default is MISSING}
    if missing := needed - set(record):
        raise ValueError(f"{cls.__name__}: missing {', '.join(sorted(missing))}")
    return cls(**{key: _typed(hints[key], value, key) for key, value in record.items()})


def _typed(hint: Any, value: Any, where: str) -> Any:
    """``value`` from JSON as ``hint``, strictly: no bool for an int, no int for a string."""
    if get_origin(hint) is UnionType:
        if value is None and type(None) in get_args(hint):
            return None
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if get_origin(hint) is tuple:
        items = get_args(hint)
        if not isinstance(value, list):
            raise ValueError(f"{where}: expected a list, got {value!r:.40}")
        if items[-1] is not ... and len(value) != len(items):
            raise ValueError(f"{where}: expected {len(items)} values, got {len(value)}")
        kinds = [items[0]] * len(value) if items[-1] is ... else items
        return tuple(_typed(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if hint in _RECORDS:
        return _record(hint, value)
    if issubclass(hint, StrEnum):
        return hint(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"{where}: expected {hint.__name__}, got {value!r:.40}")
    return value
