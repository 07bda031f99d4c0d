"""Random stages for the layers of a lowered graph."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.lower.patch.spans import can_tile
from hwkit.lower.patch.turns import Stage, boundary, by_input, by_output
from hwkit.target import Lowered
from hwkit.targets.mcu.lower import McuPlan, plan, section
from hwkit.targets.mcu.stages import check_stages


def packed_in(lowered: Lowered[McuPlan]) -> Lowered[McuPlan]:
    """``lowered``, which has stages, with every map in them packed that can be, whether it saves or
    not."""
    *_, packed = lowered.plan.staging.ways_to_pack(lowered.graph)
    mcu, picks = section(lowered.board), lowered.plan.picks
    return replace(lowered, plan=plan(lowered.graph, mcu, picks, staging=packed))


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
    return random_stages(graph, Random(draw(st.integers(0, 1 << 30))))


def random_stages(graph: Graph, random: Random) -> list[Stage]:
    """The same from a generator: parts of runs, their rows, which halos are kept."""
    found = []
    for run in runs(graph):
        first = random.choice((0, random.randrange(len(run))))
        nodes = run[first : random.randint(first + 1, len(run))]
        rows = random.randint(1, 4)
        streamed = graph.inputs if can_stream(graph, nodes) and random.random() < 0.5 else ()
        again = [op.output for op in nodes if random.random() < random.choice((0, 0.3, 1))]
        if random.random() < 0.5:
            even = random.random() < 0.7
            pairs = random.choice((None, random.randrange(len(nodes))))
            stage = by_input(graph, nodes, rows, streamed, again=again, even=even, pairs_from=pairs)
        else:
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
