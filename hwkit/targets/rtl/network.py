"""A lowered graph as layers of a core: ranges, accumulators, weights with zero points folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Prelu,
    Requantize,
    Reshape,
    ResizeNearest,
    Slice,
    Softmax,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.types import Array, IntType
from hwkit.targets.rtl import make_elementwise, make_moves, make_windows
from hwkit.targets.rtl.layers import (
    Layer,
)
from hwkit.targets.rtl.maker import Maker, Value
from hwkit.targets.rtl.rescaling import TARGET


@dataclass(frozen=True, slots=True)
class Delay:
    """A state: ``update`` of one inference is ``tensor`` of the next, ``initial`` (flat) of the
    first; ``update`` is stored as ``dtype``."""

    tensor: str
    update: str
    dtype: IntType
    initial: Array


@dataclass(frozen=True, slots=True)
class Network:
    """Layers in order of flow; ``aliases`` the tensors that are another's integers; ``sinks`` the
    tensor of each output, in the type that the graph declares for it."""

    layers: tuple[Layer, ...]
    values: dict[str, Value]
    aliases: dict[str, str]
    sources: tuple[str, ...]
    sinks: tuple[tuple[str, IntType], ...]
    delays: tuple[Delay, ...]

    @property
    def read(self) -> Iterator[str]:
        """The tensor of every reader: layers, then states, then outputs."""
        for layer in self.layers:
            yield from layer.inputs
        yield from (delay.update for delay in self.delays)
        yield from (name for name, _ in self.sinks)


def network(graph: Graph) -> Network:
    """The layers and states of ``graph`` that reach its outputs.

    Raises ``UnsupportedOp`` naming the op for what has no circuit.
    """
    maker = Maker(graph)
    for op in graph.nodes:
        _add(maker, op)
    sinks = tuple((maker.real(name), graph.tensors[name].dtype) for name in graph.outputs)
    delays = [
        Delay(
            state.tensor,
            maker.real(state.update),
            graph.tensors[state.tensor].dtype,
            graph.constants[state.initial].astype(np.int64).reshape(-1),
        )
        for state in graph.states
    ]
    layers, live = _leading_to({name for name, _ in sinks}, maker.layers, delays)
    return Network(layers, maker.values, maker.aliases, graph.inputs, sinks, live)


def _leading_to(
    sinks: Set[str], layers: Sequence[Layer], delays: Sequence[Delay]
) -> tuple[tuple[Layer, ...], tuple[Delay, ...]]:
    """Those whose output reaches one of ``sinks``: others would wait for a reader forever."""
    wanted: set[str] = set()
    more = set(sinks)
    while not more <= wanted:
        wanted |= more
        for layer in reversed(layers):
            if layer.output in wanted:
                wanted |= set(layer.inputs)
        more = {delay.update for delay in delays if delay.tensor in wanted}
    return (
        tuple(layer for layer in layers if layer.output in wanted),
        tuple(delay for delay in delays if delay.tensor in wanted),
    )


def _add(m: Maker, op: Op) -> None:
    match op:
        case Conv2d() | Dense():
            make_windows.matrix(m, op)
        case DepthwiseConv2d():
            make_windows.depthwise(m, op)
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            make_windows.pool(m, op)
        case Requantize() | Clamp():
            make_elementwise.pointwise(m, op)
        case Add() | Sub():
            make_elementwise.total(m, op)
        case Lookup():
            make_elementwise.lookup(m, op)
        case Pad():
            make_windows.pad(m, op)
        case ArgMax():
            make_elementwise.largest(m, op)
        case Reshape():
            m.aliases[op.output] = m.real(op.input)
        case Softmax():
            make_elementwise.softmax(m, op)
        case Mul():
            make_elementwise.product(m, op)
        case Prelu():
            make_elementwise.prelu(m, op)
        case Slice() | Transpose() | ResizeNearest():
            make_moves.moved(m, op)
        case Concat():
            make_moves.joined(m, op)
        case Constant():
            value = m.graph.constants[op.value].astype(np.int64)
            m.constants[op.output] = value
            m.constant(op.name, op.output, value, m.graph.tensors[op.output].dtype)
        case _:
            kind = type(op).__name__
            remedy = f"{kind} has no circuit; end the network in front of it"
            raise UnsupportedOp(op.name, TARGET, remedy)
