"""The ``.hwk`` file: versioned, deterministic to the byte, validated on load, never pickle.

Layout, little endian: ``HWKG``, version (u32), header length (u64), header (canonical JSON),
constants back to back in their container dtypes in the header's order, SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.errors import FormatError, GraphError
from hwkit.files import read_file
from hwkit.ir.encode import (
    DIGEST_BYTES,
    MAGIC,
    PREFIX,
    STATEFUL_VERSION,
    VERSION,
    digest,
    save,
    to_bytes,
)
from hwkit.ir.graph import Graph, State
from hwkit.ir.ops import OP_TYPES, Op
from hwkit.ir.types import Array, TensorType
from hwkit.ir.verify import MAX_ELEMENTS, verify
from hwkit.record import from_json

__all__ = ["MAX_FILE_BYTES", "VERSION", "digest", "from_bytes", "load", "save", "to_bytes"]

MAX_FILE_BYTES = 1 << 30


def from_bytes(data: bytes, where: str = "graph") -> Graph:
    """The graph in ``data``, verified. Raises ``FormatError`` (naming ``where``) for bytes that
    are cut short, altered, of another version or no graph."""
    if len(data) < PREFIX.size + DIGEST_BYTES or data[:4] != MAGIC:
        raise FormatError(f"{where}: not a .hwk graph or cut short ({len(data)} bytes); {_REMEDY}")
    _, version, header_bytes = PREFIX.unpack_from(data)
    if version not in (VERSION, STATEFUL_VERSION):
        raise FormatError(
            f"{where}: .hwk version {version}, this hwkit reads versions "
            f"{VERSION} and {STATEFUL_VERSION}"
        )
    body = data[:-DIGEST_BYTES]
    if hashlib.sha256(body).digest() != data[-DIGEST_BYTES:]:
        raise FormatError(f"{where}: checksum does not match, the file is damaged; {_REMEDY}")
    start = PREFIX.size + header_bytes
    if start > len(body):
        raise FormatError(f"{where}: header of {header_bytes} bytes runs past the end; {_REMEDY}")
    try:
        header = json.loads(body[PREFIX.size : start])
        if ("states" in header) != (version == STATEFUL_VERSION):
            raise FormatError(f"version {VERSION} has no states, {STATEFUL_VERSION} has some")
        return verify(_graph(header, memoryview(body)[start:]))
    except (GraphError, FormatError) as error:
        raise FormatError(f"{where}: {error}; {_REMEDY}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{where}: malformed header ({reason}); {_REMEDY}") from error


_REMEDY = "import or train the model again"


def load(path: str | Path) -> Graph:
    """Reads a ``.hwk`` file of at most 1 GiB; ``ConfigError`` when it cannot be opened."""
    return from_bytes(read_file(Path(path), MAX_FILE_BYTES, "give an existing .hwk"), str(path))


def _graph(header: Mapping[str, Any], payload: memoryview) -> Graph:
    tensors = {name: _tensor(name, record) for name, record in header["tensors"].items()}
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
        name=str(header["name"]),
        nodes=tuple(_op(record) for record in header["nodes"]),
        tensors=tensors,
        constants=constants,
        inputs=tuple(str(name) for name in header["inputs"]),
        outputs=tuple(str(name) for name in header["outputs"]),
        metadata={str(key): str(value) for key, value in header["metadata"].items()},
        states=tuple(
            from_json(State, record, f"state {k}")
            for k, record in enumerate(header.get("states", ()))
        ),
    )


def _tensor(name: str, record: Any) -> TensorType:
    tensor = from_json(TensorType, record, f"tensor {name!r}")
    if not 1 <= tensor.dtype.bits <= 48:
        raise FormatError(f"tensor {name!r}: bit width {tensor.dtype.bits}")
    return tensor


def _op(record: Mapping[str, Any]) -> Op:
    fields = dict(record)
    kind = fields.pop("op")
    if kind not in OP_TYPES:
        raise FormatError(f"unknown op {kind!r:.40}; known: {', '.join(OP_TYPES)}")
    return from_json(OP_TYPES[kind], fields, f"{kind} {fields.get('name')!r:.40}")
