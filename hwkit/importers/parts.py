"""Float parts of a network: what stands before or behind its integers, and is not exact.

The graph is the integer part. What the file computes in floating point before its first or behind
its last integer is cut out as a file of its own, kept in the graph's metadata, and runs on the host
in the file's own runtime. Nothing of it is compared for equality: how far its numbers lie from the
whole file's is measured, and said.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hwkit.errors import FormatError
from hwkit.ir.graph import Graph
from hwkit.ir.types import Shape

KEY = "float parts"
DEVIATION = "float deviation"
"""Of metadata: the parts themselves, and how far the whole is from the file's own execution."""


@dataclass(frozen=True, slots=True)
class Port:
    """A tensor at a border: ``key`` is what it is called here (of the integer part the graph's
    name), ``name`` what the part's file calls it, ``shape`` as the file has it, batch first."""

    key: str
    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True, slots=True)
class FloatPart:
    """A part that runs before (``head``) or behind (``tail``) the integers: ``format`` of its
    ``model`` is ``tflite`` or ``onnx``; ``ops`` are the kinds of its operators."""

    place: str
    format: str
    ops: tuple[str, ...]
    takes: tuple[Port, ...]
    gives: tuple[Port, ...]
    model: bytes


@dataclass(frozen=True, slots=True)
class FloatParts:
    """The parts of a network, and the ``inputs`` and ``outputs`` of the whole of it."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    parts: tuple[FloatPart, ...]

    def place(self, name: str) -> FloatPart | None:
        """The head or the tail, None without one."""
        return next((part for part in self.parts if part.place == name), None)

    def to_json(self) -> dict[str, Any]:
        """As ``inspect --json`` prints it: the models by their sizes."""
        found = asdict(self)
        for row in found["parts"]:
            row["model_bytes"] = len(row.pop("model"))
        return found

    def line(self) -> str:
        """For people: what is not exact, and why."""
        told = [f"{part.place} {', '.join(dict.fromkeys(part.ops))}" for part in self.parts]
        return f"float, not exact, on the host: {'; '.join(told)}"


def with_parts(graph: Graph, parts: FloatParts) -> Graph:
    """``graph`` with its float parts in its metadata."""
    return replace(graph, metadata={**graph.metadata, KEY: _text(parts)})


def parts_of(graph: Graph) -> FloatParts | None:
    """The float parts of ``graph``; None where it is the whole network. ``FormatError`` where its
    metadata are damaged."""
    if (text := graph.metadata.get(KEY)) is None:
        return None
    try:
        found = json.loads(text)
        parts = FloatParts(
            tuple(_port(row) for row in found["inputs"]),
            tuple(_port(row) for row in found["outputs"]),
            tuple(_part(row) for row in found["parts"]),
        )
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise FormatError(f"{graph.name}: its float parts are damaged; import it again") from error
    known = {*graph.inputs, *graph.outputs}
    named = {port.key for part in parts.parts for port in (*part.takes, *part.gives)}
    if not known & named:
        raise FormatError(f"{graph.name}: its float parts are another graph's; import it again")
    return parts


def told(graph: Graph) -> list[str]:
    """What is to be said of a graph's float parts, a line each; nothing without any."""
    parts = parts_of(graph)
    if parts is None:
        return []
    found = graph.metadata.get(DEVIATION, "")
    return [parts.line(), *([found] if found else [])]


def shown(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata without the bytes of float parts."""
    return {key: value for key, value in metadata.items() if key != KEY}


def _text(parts: FloatParts) -> str:
    found = asdict(parts)
    for row in found["parts"]:
        row["model"] = base64.b64encode(row["model"]).decode()
    return json.dumps(found, sort_keys=True)


def _port(row: Mapping[str, Any]) -> Port:
    shape = tuple(int(size) for size in row["shape"])
    if any(size < 1 for size in shape):
        raise ValueError(f"shape {shape}")
    return Port(str(row["key"]), str(row["name"]), shape, str(row["dtype"]))


def _part(row: Mapping[str, Any]) -> FloatPart:
    takes, gives = (tuple(_port(port) for port in row[key]) for key in ("takes", "gives"))
    ops = tuple(str(op) for op in row["ops"])
    model = base64.b64decode(row["model"], validate=True)
    return FloatPart(str(row["place"]), str(row["format"]), ops, takes, gives, model)
