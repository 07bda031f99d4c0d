"""A network whose ends are float: the parts before and behind the integers, on the host.

The integer part runs wherever a graph does; the float parts run in their own format's runtime
(LiteRT's reference kernels, ONNX Runtime), on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hwkit.errors import ConfigError, FormatError
from hwkit.flow import predict as integers
from hwkit.importers.parts import FloatPart, FloatParts, Port, parts_of
from hwkit.ir import interpret
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.targets.edge.loaded import Loaded
from hwkit.targets.edge.supervised import Child, new_child
from hwkit.targets.onnx.draft import Meaning, in_onnx, in_shape
from hwkit.targets.onnx.running import Running

RUNTIME = "litert_reference"
Infer = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""The integer part: its inputs by name to its outputs by name."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A network with float parts as commands see it: names of its inputs and outputs."""

    graph: Graph
    parts: FloatParts

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what the whole takes."""
        return tuple(port.key for port in self.parts.inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the whole gives."""
        return tuple(port.key for port in self.parts.outputs)

    def infer(self, x: Mapping[str, Array], infer: Infer) -> dict[str, Array]:
        """Every output by name for ``x`` (samples, *shape of one), ``infer`` being whatever runs
        the integer part. ``ConfigError`` for inputs that do not fit."""
        known, feeds = self.enter(x)
        known |= infer(feeds)
        if (tail := self.parts.place("tail")) is not None:
            known |= run_part(self.graph, tail, known)
        return {name: known[name] for name in self.outputs}

    def enter(self, x: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
        """What is known behind the head, and the integer part's inputs among it."""
        known = {port.key: self._fitting(port, x) for port in self.parts.inputs}
        if (head := self.parts.place("head")) is not None:
            known |= run_part(self.graph, head, known)
        return known, {name: self._integers(name, known) for name in self.graph.inputs}

    def _fitting(self, port: Port, x: Mapping[str, Array]) -> Array:
        """An input of the whole in its own type; where no head reads it also the integers that it
        would be quantized to, as the graph has them."""
        if port.key not in x:
            raise ConfigError(f"input {port.key!r} is missing; give each by name")
        value, shape = np.asarray(x[port.key]), sample_shape(port)
        if port.key in self.graph.inputs and value.dtype.kind in "iu":
            return interpret.feed(self.graph, port.key, {port.key: value})
        if value.shape[1:] != shape:
            wanted = ", ".join(map(str, shape))
            raise ConfigError(
                f"input {port.key!r} has shape {value.shape}; needs (batch, {wanted})"
            )
        if np.dtype(port.dtype).kind == "f":
            return value.astype(port.dtype)
        if value.dtype.kind not in "iu":
            raise ConfigError(f"input {port.key!r} is {value.dtype}; give integers ({port.dtype})")
        return value

    def _integers(self, name: str, known: Mapping[str, Array]) -> Array:
        """A graph's input: as it is, or quantized where a head of ONNX gives reals."""
        x, tensor = known[name], self.graph.tensors[name]
        if x.dtype.kind != "f":
            return x.reshape(len(x), *tensor.shape)
        steps = meaning_of(self.graph, name).integers(in_shape(x, tensor.shape))
        return np.clip(steps, tensor.dtype.low, tensor.dtype.high).astype(tensor.dtype.container)


def whole_of(graph: Graph) -> Whole | None:
    """``graph`` with its float parts; None where it has none."""
    parts = parts_of(graph)
    return None if parts is None else Whole(graph, parts)


def predict(
    graph: Graph,
    whole: Whole | None,
    x: Mapping[str, Array],
    board: str | None = None,
    *arguments: Any,
    **options: Any,
) -> dict[str, Array]:
    """The outputs by name of ``whole``, or without it of ``graph``, its integer part, by the
    interpreter or on ``board``; what follows as ``flow.predict.predict`` takes it."""

    def infer(feeds: Mapping[str, Array]) -> dict[str, Array]:
        return integers.predict(graph, feeds, board, *arguments, **options)

    return infer(x) if whole is None else whole.infer(x, infer)


@lru_cache(maxsize=4)
def child_for(runtime: str, what: str) -> Child:
    """The process that runs a user's own models in ``runtime``; the last few are kept."""
    return new_child(runtime, what)


def meaning_of(graph: Graph, name: str) -> Meaning:
    """What the integers of a graph's tensor stand for; ``FormatError`` where it says nothing."""
    facts = graph.tensors[name].quantization
    if facts is None:
        raise FormatError(f"{graph.name}: {name!r} has no scale; import it again")
    return Meaning(np.array(facts.scale), facts.zero_point)


def run_part(graph: Graph, part: FloatPart, known: Mapping[str, Array]) -> dict[str, Array]:
    """What a float part gives, (samples, *shape of one) by key, of what is ``known``."""
    if part.format == "tflite":
        return _run_tflite(part, known)
    if part.format == "onnx":
        return _run_onnx(graph, part, known)
    raise FormatError(f"{graph.name}: a float part of format {part.format!r:.20}; import it again")


def _run_tflite(part: FloatPart, known: Mapping[str, Array]) -> dict[str, Array]:
    feeds = [known[port.key].reshape(-1, *port.shape) for port in part.takes]
    child = child_for(RUNTIME, "a float part")
    found = Loaded(RUNTIME, part.model, outputs=len(part.gives), child=child).run(feeds)
    return {
        port.key: y.reshape(len(y), *sample_shape(port))
        for port, y in zip(part.gives, found, strict=True)
    }


def _run_onnx(graph: Graph, part: FloatPart, known: Mapping[str, Array]) -> dict[str, Array]:
    running = Running(part.model)
    samples = len(next(iter(known.values())))
    rows = []
    for k in range(samples):
        feeds = {}
        for port in part.takes:
            x = known[port.key][k : k + 1]
            if part.place == "tail" and port.key in graph.outputs:
                x = in_onnx(meaning_of(graph, port.key).reals(x))
            feeds[port.name] = x.reshape(port.shape).astype(port.dtype)
        rows.append(running.run(feeds))
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return dict(zip((port.key for port in part.gives), columns, strict=True))


def sample_shape(port: Port) -> tuple[int, ...]:
    """Without the file's batch of 1."""
    batch = int(len(port.shape) > 1 and port.shape[0] == 1)
    return port.shape[batch:] or (1,)
