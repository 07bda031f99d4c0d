"""Random stages for the layers of a lowered graph."""

from __future__ import annotations

from hypothesis import strategies as st

from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.lower.patch.spans import can_tile
from hwkit.lower.patch.turns import Stage, boundary, by_input, by_output
from hwkit.targets.mcu.stages import check_stages


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
        first = draw(st.just(0) | st.integers(0, len(run) - 1))
        nodes = run[first : draw(st.integers(first + 1, len(run)))]
        rows = draw(st.integers(1, 4))
        streamed = graph.inputs if can_stream(graph, nodes) and draw(st.booleans()) else ()
        if draw(st.booleans()):
            stage = by_input(graph, nodes, rows, streamed)
        else:
            again = draw(st.sets(st.sampled_from([op.output for op in nodes])))
            stage = by_output(graph, nodes, rows, again, streamed)
        if not refused(graph, stage):
            found.append(stage)
    return found


def can_stream(graph: Graph, nodes: tuple[Op, ...]) -> bool:
    """Whether ``nodes`` are a network's first and read its single input alone."""
    first = graph.nodes[0].name == nodes[0].name
    return first and boundary(graph, nodes)[0] == graph.inputs and len(graph.inputs) == 1


def refused(graph: Graph, stage: Stage) -> bool:
    """Of what can be drawn: an input that is needed whole, or of which rows are left out."""
    try:
        check_stages(graph, [stage])
    except ConfigError:
        return bool(stage.streamed)
    return False
