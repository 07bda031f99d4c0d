"""The border between a graph's integers and those of its lowered form.

Lowering may store unsigned inputs and outputs as signed ones (``shift_to_signed``). Users hand in
and get back the original integers; this converts both ways, and refuses any other change.
"""

from __future__ import annotations

from hwkit.errors import ConfigError, GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array, TensorType
from hwkit.lower.shift_to_signed import from_signed, to_signed


def enter(graph: Graph, lowered: Graph, x: Array) -> Array:
    """``x`` in the lowered graph's input type; checked against the original's first.

    Raises ``ConfigError`` for an array that does not fit the graph's one input.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConfigError(
            f"{graph.name}: boards run graphs of one input and one output, this has "
            f"{len(graph.inputs)} and {len(graph.outputs)}; split it"
        )
    checked = run(graph, {graph.inputs[0]: x}, keep=[graph.inputs[0]])[graph.inputs[0]]
    before, after = graph.tensors[graph.inputs[0]], lowered.tensors[lowered.inputs[0]]
    if _shifted(before, after, lowered.inputs[0]):
        return to_signed(checked, before)
    return checked


def leave(graph: Graph, lowered: Graph, y: Array) -> Array:
    """``y`` from the lowered graph's output type in the original's."""
    before, after = graph.tensors[graph.outputs[0]], lowered.tensors[lowered.outputs[0]]
    if _shifted(before, after, lowered.outputs[0]):
        return from_signed(y, before)
    return y.astype(before.dtype.container)


def _shifted(before: TensorType, after: TensorType, name: str) -> bool:
    if before.shape != after.shape or before.dtype.bits > after.dtype.bits:
        raise GraphError(name, f"lowering changed {before.dtype}{before.shape} to {after.dtype}")
    return not before.dtype.signed and after.dtype.signed and before.dtype.bits == after.dtype.bits
