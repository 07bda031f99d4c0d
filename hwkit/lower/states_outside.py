"""States become inputs and outputs, for a target that keeps nothing between two inferences.

Whoever runs the result hands each state's tensor in and takes its next value out:
``targets.kept`` does, for sessions.
"""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.graph import Graph
from hwkit.ir.verify import verify


def states_outside(graph: Graph) -> Graph:
    """``graph`` without states: their tensors are inputs behind its own, their next values outputs
    behind its own (those that are outputs already are not repeated).

    Example: inputs ``x``, outputs ``y`` and a state ``s`` that becomes ``t`` give inputs
    ``x, s`` and outputs ``y, t``.
    """
    return verify(
        replace(
            graph,
            inputs=graph.sources,
            outputs=tuple(dict.fromkeys((*graph.outputs, *(s.update for s in graph.states)))),
            states=(),
        ).with_nodes(graph.nodes)
    )
