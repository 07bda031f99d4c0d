"""A graph as the bytes of a ``.hwk`` file; ``serialize.py`` has the layout and reads them."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hwkit.files import write_whole
from hwkit.ir.network import Network
from hwkit.ir.ops import NO_OFFSET, Op, Overflow, Softmax

MAGIC = b"HWKG"
VERSION, STATEFUL_VERSION = 1, 2
"""A graph without states is written as it always was: digests of such files stay."""
PREFIX = struct.Struct("<4sIQ")
DIGEST_BYTES = 32


def to_bytes(graph: Network) -> bytes:
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
    parts = [PREFIX.pack(MAGIC, version, len(text)), text]
    for name in sorted(graph.constants):
        value = graph.constants[name]
        parts.append(value.astype(value.dtype.newbyteorder("<")).tobytes())
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def _fields(op: Op) -> dict[str, Any]:
    """The op's fields. ``overflow`` stands there only where it wraps, ``offset`` only where it is
    not 0, a softmax's ``rescale`` only where it has one: files of graphs without are the same as
    before there were such fields."""
    absent = isinstance(op, Softmax) and op.rescale is None

    def made(items: list[tuple[str, Any]]) -> dict[str, Any]:
        return {
            key: value
            for key, value in items
            if value is not Overflow.SATURATE
            and (key != "offset" or value != NO_OFFSET)
            and not (absent and key == "rescale")
        }

    return asdict(op, dict_factory=made)


def digest(graph: Network) -> str:
    """SHA-256 (hex) of the graph's file: the name by which measurements know it."""
    return hashlib.sha256(to_bytes(graph)).hexdigest()


def save(graph: Network, path: str | Path) -> None:
    """Writes ``graph`` beside ``path`` and renames, so that a failure leaves no broken file."""
    write_whole(Path(path), to_bytes(graph))
