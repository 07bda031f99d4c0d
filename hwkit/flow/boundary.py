"""The border between a graph's integers and those of its lowered form.

Lowering may store unsigned inputs and outputs as signed ones (``shift_to_signed``). Users hand in
and get back the original integers; this converts both ways, and refuses any other change.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwkit.errors import ConfigError, GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import feed
from hwkit.ir.types import Array, TensorType
from hwkit.lower.shift_to_signed import from_signed, to_signed


def require_single(graph: Graph, board: str) -> None:
    """Refuses, before anything is built, what no board runs: ``ConfigError``."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConfigError(
            f"{graph.name}: board {board} runs networks of one input and one output, this has "
            f"inputs {', '.join(graph.inputs)} and outputs {', '.join(graph.outputs)}; leave out "
            "--board for the interpreter, or split it"
        )


def checked(graph: Graph, board: str, x: Array | Mapping[str, Array]) -> Array:
    """The graph's one input of ``x``, checked against its type.

    Raises ``ConfigError`` for a graph of several inputs or outputs, and for an array that does
    not fit: both before anything is built.
    """
    require_single(graph, board)
    feeds = x if isinstance(x, Mapping) else {graph.inputs[0]: x}
    return feed(graph, graph.inputs[0], feeds)


def enter(graph: Graph, lowered: Graph, x: Array) -> Array:
    """``x`` in the lowered graph's input type; checked against the original's first.

    Raises ``ConfigError`` for an array that does not fit the graph's one input.
    """
    before, after = graph.tensors[graph.inputs[0]], lowered.tensors[lowered.inputs[0]]
    taken = checked(graph, lowered.name, x)
    if _shifted(before, after, lowered.inputs[0]):
        return to_signed(taken, before)
    return taken


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
