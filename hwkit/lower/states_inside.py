"""Inputs and outputs that belong together become states: the inverse of ``states_outside``.

For networks whose file has a state as an input and its next value as an output, as streaming
exports of recurrent networks do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph, State
from hwkit.ir.types import Array
from hwkit.ir.verify import verify


def states_inside(graph: Graph, pairs: Mapping[str, str], seen: tuple[str, ...] = ()) -> Graph:
    """``graph`` with each input in ``pairs`` a state that becomes the output paired with it; it
    starts as the integer of real 0. Such outputs stay outputs only where ``seen`` names them.

    Raises ``GraphError`` for a name that is no input or output, and for a pair whose shapes,
    integer types or grids differ: a step could not read what the last one left.

    Example: ``{"h": "later"}`` of inputs ``x, h`` and outputs ``y, later`` leaves ``x`` and ``y``.
    """
    states, tensors, constants = list(graph.states), dict(graph.tensors), dict(graph.constants)
    for name, update in pairs.items():
        _require(graph, name, update)
        initial = f"{name}/initial"
        tensors[initial] = graph.tensors[name]
        constants[initial] = zeros(graph, name)
        states.append(State(name, update, initial))
    kept = tuple(o for o in graph.outputs if o not in pairs.values() or o in seen)
    if not kept:
        raise GraphError(graph.name, "has no output but its states; leave one of the pairs out")
    return verify(
        replace(
            graph,
            inputs=tuple(name for name in graph.inputs if name not in pairs),
            outputs=kept,
            states=tuple(states),
            tensors=tensors,
            constants=constants,
        ).with_nodes(graph.nodes)
    )


def _require(graph: Graph, name: str, update: str) -> None:
    for what, of, there in (("input", name, graph.inputs), ("output", update, graph.outputs)):
        if of not in there:
            raise GraphError(of, f"is no {what}; it has {', '.join(there)}")
    before, after = graph.tensors[name], graph.tensors[update]
    for what, one, other in (
        ("shape", before.shape, after.shape),
        ("type", before.dtype, after.dtype),
        ("grid", before.quantization, after.quantization),
    ):
        if one != other:
            raise GraphError(
                name, f"{what} {one} is not that of {update}, {other}; quantize both alike"
            )


def zeros(graph: Graph, name: str) -> Array:
    """The integers of a tensor of real zeros."""
    tensor = graph.tensors[name]
    zero = 0 if tensor.quantization is None else tensor.quantization.zero_point
    return np.full(tensor.shape, zero, tensor.dtype.container)
