"""The ``.hwk`` file: versioned, deterministic to the byte, validated on load, never pickle.

Layout, little endian: ``HWKG``, version (u32), header length (u64), header (canonical JSON),
constants back to back in their container dtypes in the header's order, SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.errors import FormatError, GraphError
from hwkit.files import read_file, write_whole
from hwkit.ir.graph import Graph, State
from hwkit.ir.ops import NO_OFFSET, OP_TYPES, Op, Overflow
from hwkit.ir.types import Array, TensorType
from hwkit.ir.verify import MAX_ELEMENTS, verify
from hwkit.record import from_json

MAGIC = b"HWKG"
VERSION, STATEFUL_VERSION = 1, 2
"""A graph without states is written as it always was: digests of such files stay."""
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
        "nodes": [{"op": type(op).__name__, **_fields(op)} for op in graph.nodes],
    }
    version = VERSION
    if graph.states:  # a reader of version 1 would run the graph without them
        version = STATEFUL_VERSION
        header["states"] = [asdict(state) for state in graph.states]
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    parts = [_PREFIX.pack(MAGIC, version, len(text)), text]
    for name in sorted(graph.constants):
        value = graph.constants[name]
        parts.append(value.astype(value.dtype.newbyteorder("<")).tobytes())
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def _fields(op: Op) -> dict[str, Any]:
    """The op's fields. ``overflow`` stands there only where it wraps, ``offset`` only where it is
    not 0: files of graphs without are the same as before there were such fields."""

    def made(items: list[tuple[str, Any]]) -> dict[str, Any]:
        return {
            key: value
            for key, value in items
            if value is not Overflow.SATURATE and (key != "offset" or value != NO_OFFSET)
        }

    return asdict(op, dict_factory=made)


def digest(graph: Graph) -> str:
    """SHA-256 (hex) of the graph's file: the name by which measurements know it."""
    return hashlib.sha256(to_bytes(graph)).hexdigest()


def from_bytes(data: bytes, where: str = "graph") -> Graph:
    """The graph in ``data``, verified. Raises ``FormatError`` (naming ``where``) for bytes that
    are cut short, altered, of another version or no graph."""
    if len(data) < _PREFIX.size + _DIGEST_BYTES or data[:4] != MAGIC:
        raise FormatError(f"{where}: not a .hwk graph or cut short ({len(data)} bytes); {_REMEDY}")
    _, version, header_bytes = _PREFIX.unpack_from(data)
    if version not in (VERSION, STATEFUL_VERSION):
        raise FormatError(
            f"{where}: .hwk version {version}, this hwkit reads versions "
            f"{VERSION} and {STATEFUL_VERSION}"
        )
    body = data[:-_DIGEST_BYTES]
    if hashlib.sha256(body).digest() != data[-_DIGEST_BYTES:]:
        raise FormatError(f"{where}: checksum does not match, the file is damaged; {_REMEDY}")
    start = _PREFIX.size + header_bytes
    if start > len(body):
        raise FormatError(f"{where}: header of {header_bytes} bytes runs past the end; {_REMEDY}")
    try:
        header = json.loads(body[_PREFIX.size : start])
        if ("states" in header) != (version == STATEFUL_VERSION):
            raise FormatError(f"version {VERSION} has no states, {STATEFUL_VERSION} has some")
        return verify(_graph(header, memoryview(body)[start:]))
    except (GraphError, FormatError) as error:
        raise FormatError(f"{where}: {error}; {_REMEDY}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{where}: malformed header ({reason}); {_REMEDY}") from error


_REMEDY = "import or train the model again"


def save(graph: Graph, path: str | Path) -> None:
    """Writes ``graph`` beside ``path`` and renames, so that a failure leaves no broken file."""
    write_whole(Path(path), to_bytes(graph))


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
