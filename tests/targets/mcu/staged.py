"""Random stages for the layers of a lowered graph."""

from __future__ import annotations

from hypothesis import strategies as st

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.lower.patch.spans import can_tile
from hwkit.lower.patch.turns import Stage, by_input, by_output


def runs(graph: Graph) -> list[tuple[Op, ...]]:
    """Consecutive nodes that can be computed in parts, and read or make no state."""
    held = {name for state in graph.states for name in (state.tensor, state.update)}
    found: list[tuple[Op, ...]] = [()]
    for op in graph.nodes:
        names = {op.output, *activations(op)}
        if can_tile(graph, op) and not names & held:
            found[-1] = (*found[-1], op)
        else:
            found.append(())
    return [run for run in found if run]


@st.composite
def stages(draw: st.DrawFn, graph: Graph) -> list[Stage]:
    """A stage for some part of some of the runs."""
    found = []
    for run in runs(graph):
        first = draw(st.integers(0, len(run) - 1))
        nodes = run[first : draw(st.integers(first + 1, len(run)))]
        rows = draw(st.integers(1, 4))
        if draw(st.booleans()):
            found.append(by_input(graph, nodes, rows))
        else:
            again = draw(st.sets(st.sampled_from([op.output for op in nodes])))
            found.append(by_output(graph, nodes, rows, again))
    return found
