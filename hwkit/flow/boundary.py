"""The border between a graph's integers and those of its lowered form.

Lowering may store unsigned inputs and outputs as signed ones (``shift_to_signed``). Users hand in
and get back the original integers; this converts both ways, and refuses any other change. Inputs
and outputs correspond by their place: lowering may rename them.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwkit.errors import ConfigError, GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import feed
from hwkit.ir.types import Array, TensorType
from hwkit.lower.shift_to_signed import from_signed, to_signed

Inputs = Array | Mapping[str, Array]
"""Integers (samples, *shape) of the only input, or of each by name."""


def named(graph: Graph, x: Inputs) -> dict[str, Array]:
    """``x`` by input, each checked against its type and all of one length.

    Raises ``ConfigError`` for names and arrays that do not fit; nothing is computed.
    """
    if not isinstance(x, Mapping):
        if len(graph.inputs) != 1:
            raise ConfigError(
                f"{graph.name}: has inputs {', '.join(graph.inputs)}; give each by its name"
            )
        x = {graph.inputs[0]: x}
    if unknown := sorted(set(x) - set(graph.inputs)):
        raise ConfigError(f"no input {unknown[0]!r}; the graph has {', '.join(graph.inputs)}")
    feeds = {name: feed(graph, name, x) for name in graph.inputs}
    if len({len(value) for value in feeds.values()}) > 1:
        lengths = ", ".join(f"{name} {len(value)}" for name, value in feeds.items())
        raise ConfigError(f"inputs have different batch sizes: {lengths}")
    return feeds


def batch(feeds: Mapping[str, Array]) -> int:
    """Samples, or steps, in ``feeds``."""
    return len(next(iter(feeds.values())))


def enter(graph: Graph, lowered: Graph, x: Inputs) -> dict[str, Array]:
    """``x`` in the lowered graph's input types and names; see ``named``."""
    feeds = named(graph, x)
    entered = {}
    for before, after in zip(graph.inputs, lowered.inputs, strict=True):
        value = feeds[before]
        if _shifted(graph.tensors[before], lowered.tensors[after], after):
            value = to_signed(value, graph.tensors[before])
        entered[after] = value
    return entered


def leave(graph: Graph, lowered: Graph, results: Mapping[str, Array]) -> dict[str, Array]:
    """The lowered graph's outputs in ``results``, in the original's types and names."""
    left = {}
    for before, after in zip(graph.outputs, lowered.outputs, strict=True):
        value, tensor = results[after], graph.tensors[before]
        if _shifted(tensor, lowered.tensors[after], after):
            left[before] = from_signed(value, tensor)
        else:
            left[before] = value.astype(tensor.dtype.container)
    return left


def _shifted(before: TensorType, after: TensorType, name: str) -> bool:
    if before.shape != after.shape or before.dtype.bits > after.dtype.bits:
        raise GraphError(name, f"lowering changed {before.dtype}{before.shape} to {after.dtype}")
    return not before.dtype.signed and after.dtype.signed and before.dtype.bits == after.dtype.bits
