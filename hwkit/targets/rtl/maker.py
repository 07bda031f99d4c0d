"""Layers of a core while they are made: the streams of tensors, their types and ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Op,
    Rescale,
)
from hwkit.ir.types import Array, IntType
from hwkit.targets.rtl.layers import (
    Layer,
    Pointwise,
)
from hwkit.targets.rtl.moving import Gather, Source
from hwkit.targets.rtl.ranges import Range, of_type, signed_bits
from hwkit.targets.rtl.rescaling import Scaling, scaling


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor in the core: the wires' type, and what the integers on them can be."""

    dtype: IntType
    range: Range


class Maker:
    """The layers and values of ``graph`` while its ops are added in order: ``aliases`` the tensors
    that are another's integers, ``signs`` of a tensor of 1 and -1 the tensor of bits (1 and 0),
    ``constants`` the integers of those that never change."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        given = (*graph.inputs, *(state.tensor for state in graph.states))
        types = {name: graph.tensors[name].dtype for name in given}
        self.values = {name: Value(dtype, of_type(dtype)) for name, dtype in types.items()}
        self.layers: list[Layer] = []
        self.aliases: dict[str, str] = {}
        self.signs: dict[str, str] = {}
        self.constants: dict[str, Array] = {}

    def real(self, name: str) -> str:
        """The tensor whose stream carries ``name``."""
        return self.aliases.get(name, name)

    def value(self, name: str) -> Value:
        return self.values[self.real(name)]

    def put(self, layer: Layer, dtype: IntType, r: Range) -> None:
        self.layers.append(layer)
        self.values[layer.output] = Value(dtype, r)

    def finished(
        self, op: Op, total: Range, r: Rescale | None
    ) -> tuple[IntType, Scaling | None, Value]:
        """Type of the accumulator, its rescale, and what leaves the layer."""
        acc = IntType(signed_bits(total), True)
        if r is None:
            return acc, None, Value(acc, total)
        dtype = self.graph.tensors[op.output].dtype
        made = scaling(r, acc, total, 0, dtype, op.name)
        return acc, made, Value(dtype, made.result)

    def scaled(
        self, name: str, tensor: str, output: str, r: Rescale, offset: int, like: str
    ) -> Range:
        """``output``, of shape and type as ``like``, is ``r`` of ``tensor + offset``."""
        x, made_of = self.value(tensor), self.graph.tensors[like]
        made = scaling(r, x.dtype, x.range, offset, made_of.dtype, name)
        layer = Pointwise(
            name,
            (self.real(tensor),),
            output,
            made_of.elements,
            made_of.shape[-1],
            x.dtype,
            made,
        )
        self.put(layer, made_of.dtype, made.result)
        return made.result

    def constant(self, name: str, output: str, value: Array, dtype: IntType) -> str:
        """A stream of ``value``, for every inference; returns its tensor."""
        layer = Source(name, output, value.reshape(-1), value.shape[-1], dtype)
        self.put(layer, dtype, Range(int(value.min()), int(value.max())))
        return output

    def gather(self, name: str, tensor: str, output: str, index: Array) -> None:
        """``output`` is ``tensor`` at ``index``, which counts its integers in C order."""
        x, size = self.value(tensor), self.graph.tensors[tensor].elements
        flat = index.reshape(-1)
        if np.array_equal(flat, np.arange(size)):
            self.aliases[output] = self.real(tensor)
            return
        layer = Gather(name, (self.real(tensor),), output, size, flat, x.dtype)
        self.put(layer, x.dtype, x.range)
