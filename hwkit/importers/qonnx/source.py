"""A QONNX file beside the graph that it became: which tensors mean the same, and their integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwkit.errors import GraphError
from hwkit.importers.proof import Observed
from hwkit.importers.qonnx.file import OnnxModel
from hwkit.importers.qonnx.layout import Layout, to_file, to_graph
from hwkit.importers.qonnx.linear import QUANTIZE
from hwkit.importers.qonnx.qoperators import OPERATORS
from hwkit.importers.qonnx.reference import QUANTIZERS, Execution, Quantized, ends_quantizer
from hwkit.importers.qonnx.rounding import tie_distance
from hwkit.importers.qonnx.values import Port
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array, Shape

_FLOAT32 = 2.0**-24
"""Relative error of a float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """An ONNX tensor in the graph: ``tensor`` holds its integers; ``shape``, ``order``, ``layout``
    are as in ``values.Real``, ``batch`` is the batch's axis in the file, -1 where it has none."""

    tensor: str
    shape: Shape
    order: Array | None
    layout: Layout
    batch: int = 0

    def first(self, y: Array) -> Array:
        """The first sample of the file's tensor, (1, *shape)."""
        if self.batch < 0:
            return y[None]
        return np.moveaxis(y, self.batch, 0)[:1]

    def batched(self, x: Array, count: int) -> Array:
        """One sample ``count`` times, as the file has it."""
        if self.batch < 0:
            return x
        return np.repeat(np.expand_dims(x, self.batch), count, self.batch)


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A graph, the file's nodes as they were, and which tensors mean the same.

    ``inputs`` tells how each of the graph's inputs is quantized; ``meanings`` goes by the file's
    names.
    """

    graph: Graph
    model: OnnxModel
    inputs: Mapping[str, Port]
    meanings: Mapping[str, Meaning]


class QonnxRunner:
    """``proof.FileRunner`` of a QONNX file: what every quantizer and every output gives, each from
    the graph's integers of the ones before."""

    def __init__(self, imported: Imported) -> None:
        self._imported = imported
        graph, model = imported.graph, imported.model
        self._integral = integral(model)
        made = {n for node in model.nodes for n in node.outputs if node.op_type in QUANTIZERS}
        made |= self._integral
        self._followed = made | {
            n
            for node in model.nodes
            for n in node.outputs
            if node.op_type == "Sub" and ends_quantizer(node, made)
        }
        told = self._followed | set(model.outputs)
        meanings = {n: m for n, m in imported.meanings.items() if n in told}
        # The first quantizers give the graph's inputs: they are fed, not compared.
        self._fed = {n: m for n, m in meanings.items() if m.tensor in graph.inputs}
        self._compared = {n: m for n, m in meanings.items() if n not in self._fed}
        self._tensors = tuple(dict.fromkeys(m.tensor for m in self._compared.values()))

    @cached_property
    def _execution(self) -> Execution:
        return Execution(self._imported.model)

    @property
    def tensors(self) -> tuple[str, ...]:
        """See ``FileRunner``."""
        return self._tensors

    def run(self, known: Mapping[str, Array]) -> Mapping[str, Observed]:
        """See ``FileRunner``."""
        samples = len(next(iter(known.values())))
        with np.errstate(all="ignore"):  # A file's own scales may be as odd as they like.
            rows = [self._sample({k: v[i] for k, v in known.items()}) for i in range(samples)]
        observed = {}
        for name in self._tensors:
            integers = np.stack([row[name][0] for row in rows])
            observed[name] = Observed(integers, np.stack([row[name][1] for row in rows]))
        return observed

    def _sample(self, known: Mapping[str, Array]) -> dict[str, tuple[Array, Array]]:
        seen: dict[str, tuple[Array, Array]] = {}

        def follow(name: str, y: Array, found: Quantized | None) -> Array:
            if name in self._fed:
                return self._given(name, self._fed[name], known).reshape(-1, *y.shape[1:])
            meaning = self._compared.get(name)
            if meaning is None:
                return y
            seen[meaning.tensor] = self._noted(meaning, y, found)
            if name not in self._followed:
                return y
            given = self._given(name, meaning, known)
            if meaning.batch:
                return meaning.batched(given, y.shape[max(meaning.batch, 0)])
            return np.broadcast_to(given.reshape(1, *y.shape[1:]), y.shape)

        self._execution.run(self._feeds(known), follow)
        return seen

    def _feeds(self, known: Mapping[str, Array]) -> dict[str, Array]:
        feeds = {}
        for name, shape in self._imported.model.inputs.items():
            reals = np.zeros(shape)
            if name in known:
                integers = name in self._imported.model.integer_inputs
                told = self._integers if integers else self._unnormalized
                reals = np.broadcast_to(told(name, known).reshape(1, *shape[1:]), shape)
            feeds[name] = reals
        return feeds

    def _integers(self, name: str, known: Mapping[str, Array]) -> Array:
        """The integers of an input that the file reads as such."""
        port = self._imported.inputs[name]
        integers = in_file(_read(name, port), known[name])
        return np.asarray(_in_input(port, integers.astype(np.float64)))

    def _given(self, name: str, meaning: Meaning, known: Mapping[str, Array]) -> Array:
        """What the nodes behind ``name`` read: the graph's integers, or what they stand for."""
        if name in self._integral:
            return in_file(meaning, known[meaning.tensor].astype(np.int64))
        return self._reals(meaning, known)

    def _unnormalized(self, name: str, known: Mapping[str, Array]) -> Array:
        """Reals that the file's normalization and first quantizer turn into the integers: those
        in the middle of what does."""
        port = self._imported.inputs[name]
        meaning = _read(name, port)
        reals = self._reals(meaning, known)
        if port.floors:
            reals = reals + self._facts(meaning)[0] / 2
        found: Array = (reals[None] - port.fresh.offset) / port.fresh.gain
        return _in_input(port, found)

    def _noted(self, meaning: Meaning, y: Array, found: Quantized | None) -> tuple[Array, Array]:
        """Integers and distances from ties, in the graph's layout."""
        if found is not None and found.integers.size:
            integers, distance = meaning.first(found.integers), meaning.first(found.distance)
            return self._in_graph(meaning, integers), self._in_graph(meaning, distance)
        scale, zero_point = self._facts(meaning)
        steps = self._in_graph(meaning, meaning.first(y)) / scale + zero_point
        if found is None:
            # A real output has no step but the graph's: what float32 cannot tell is a tie.
            distance = tie_distance(steps, "ROUND") - np.abs(steps) * _FLOAT32
            return np.rint(steps).astype(np.int64), distance
        distance = meaning.first(found.distance)
        return np.rint(steps).astype(np.int64), self._in_graph(meaning, distance)

    def _facts(self, meaning: Meaning) -> tuple[Array, int]:
        facts = self._imported.graph.tensors[meaning.tensor].quantization
        if facts is None:
            raise GraphError(meaning.tensor, "has no scale; reals cannot be told from its integers")
        return np.array(facts.scale), facts.zero_point

    def _reals(self, meaning: Meaning, known: Mapping[str, Array]) -> Array:
        """What the graph's integers stand for, in ONNX's layout, without the batch."""
        scale, zero_point = self._facts(meaning)
        return in_file(meaning, scale * (known[meaning.tensor].astype(np.float64) - zero_point))

    def _in_graph(self, meaning: Meaning, y: Array) -> Array:
        """One sample (1, ...) of ONNX's layout in the graph's."""
        if meaning.order is not None:
            shape = self._imported.graph.tensors[meaning.tensor].shape
            return np.asarray(y.reshape(-1)[meaning.order]).reshape(shape)
        return to_graph(y, meaning.shape, meaning.layout)


def _read(name: str, port: Port) -> Meaning:
    return Meaning(name, port.real.shape, None, port.real.layout)


def _in_input(port: Port, x: Array) -> Array:
    """Values as a quantizer reads them, where the input has them."""
    if port.fresh.places is None:
        return x
    moved = np.empty(x.size, x.dtype)
    moved[port.fresh.places.reshape(-1)] = x.reshape(-1)
    return moved


def integral(model: OnnxModel) -> set[str]:
    """The names that ``QuantizeLinear``, operators on integers and clips of their results give:
    integers, where QONNX's quantizers give reals."""
    found = set[str]()
    for node in model.nodes:
        clips = node.op_type == "Clip" and node.inputs[0] in found
        if node.op_type == QUANTIZE or node.op_type in OPERATORS or clips:
            found.add(node.outputs[0])
    return found


def in_file(meaning: Meaning, x: Array) -> Array:
    """One sample of a graph's tensor in ONNX's layout, without the batch."""
    if meaning.order is None:
        return to_file(x, meaning.shape, meaning.layout)
    # A model that ends in a flatten ends in the map before: the same integers in the same order.
    moved = np.empty(x.size, x.dtype)
    moved[meaning.order] = x.reshape(-1)
    return moved.reshape(meaning.shape)
