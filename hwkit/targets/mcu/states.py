"""States in the arena: where each lies, and what is copied when an inference ends.

A state's bytes are its own from one inference to the next. Its next value is written right there
by the layer that computes it where nobody reads the old value any more; else it is copied there
behind the last layer. All states change at once, and an output that is a state's tensor shows the
value that the inference began with: what a copy would destroy is saved first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from hwkit.ir.graph import Graph, State
from hwkit.ir.ops import Reshape, activations
from hwkit.lower.fresh import fresh
from hwkit.lower.memory import MemoryPlan, Placement, Region, plan_memory
from hwkit.lower.schedule import Schedule, Step


@dataclass(frozen=True, slots=True)
class Copy:
    """``size_bytes`` from the place of one tensor to that of another."""

    source: str
    to: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Updates:
    """How states get their next values.

    ``in_place`` by output of a layer the state's tensor in whose bytes it is written; ``saves``,
    then ``copies``, are made in order behind the last layer; ``moved`` where an output of the graph
    lies that is not at its own name's place.
    """

    in_place: Mapping[str, str]
    saves: tuple[Copy, ...]
    copies: tuple[Copy, ...]
    moved: Mapping[str, str]


NONE = Updates({}, (), (), {})
"""Of a graph without states."""


def updates(graph: Graph, tensor_bytes: Mapping[str, int]) -> Updates:
    """How the states of ``graph`` get their next values.

    Example: of ``s' = concat(s[1:], x)`` the concat writes into ``s``; of ``s' = s + x`` the sum is
    copied there.
    """
    if not graph.states:
        return NONE
    root = _roots(graph)
    tensors = {state.tensor for state in graph.states}
    changing = [state for state in graph.states if root[state.update] != state.tensor]
    shown = [name for name in graph.outputs if root[name] in tensors]
    old = [state.update for state in changing if root[state.update] in tensors]
    saved = {name: fresh(f"{name}/saved", graph.tensors) for name in (*shown, *old)}
    needed = {root[name] for name in saved}
    in_place: dict[str, str] = {}
    for state in changing:
        free = state.tensor not in needed and state.update not in in_place
        if free and _written_after_reads(graph, state, root):
            in_place[state.update] = state.tensor
    # What a reshape makes of a next value lies where that does.
    in_place |= {name: in_place[of] for name, of in root.items() if of in in_place}
    return Updates(
        in_place,
        tuple(Copy(name, place, tensor_bytes[name]) for name, place in saved.items()),
        tuple(
            Copy(saved.get(s.update, s.update), s.tensor, tensor_bytes[s.tensor])
            for s in changing
            if in_place.get(s.update) != s.tensor
        ),
        {name: saved[name] for name in shown},
    )


def plan(
    graph: Graph,
    plain: Schedule,
    states: Updates,
    regions: Sequence[Region],
    movable: Collection[str] = (),
) -> MemoryPlan:
    """The memory plan of a graph with states, whose steps ``plain`` has: ``plan_memory`` and
    their places. Without states tensors that are ``movable`` may be moved.

    To the planner an output that is written into a state is a byte that nobody reads, and what is
    saved the output of one more step.
    """
    if not graph.states:
        return plan_memory(plain, regions, movable=movable)
    sizes = dict(plain.tensor_bytes)
    written = {name: fresh(f"{name}/written", graph.tensors) for name in states.in_place}
    steps = [_step(step, states.in_place, written) for step in plain.steps]
    sizes |= dict.fromkeys(written.values(), 1)
    for save in states.saves:
        steps.append(Step(save.to, (save.source,), (save.to,)))
        sizes[save.to] = save.size_bytes
    alive = (*plain.outputs, *(save.to for save in states.saves))
    schedule = replace(
        plain,
        steps=tuple(steps),
        tensor_bytes=sizes,
        outputs=tuple(states.in_place.get(name, name) for name in alive),
    )
    memory = plan_memory(schedule, regions)
    return _as_graph(memory, graph, plain.tensor_bytes, states, set(written.values()))


def _step(step: Step, in_place: Mapping[str, str], written: Mapping[str, str]) -> Step:
    """``step`` where outputs written into states are read from there. Nothing runs into what is a
    state's, nor does that run into anything."""
    reads = tuple(in_place.get(name, name) for name in step.reads)
    if len(step.writes) != 1:
        return replace(step, reads=reads)  # of a stage, which has nothing to do with states
    (output,) = step.writes
    if output in in_place:
        own = step.accessed.get(output, 0)
        accessed = {**step.accessed, written[output]: own}
        return Step(step.name, reads, (written[output],), step.scratch_bytes, accessed=accessed)
    return replace(
        step,
        reads=reads,
        in_place=tuple(name for name in step.in_place if name not in in_place),
        overlaps={name: n for name, n in step.overlaps.items() if name not in in_place},
        starts_with=tuple(name for name in step.starts_with if name not in in_place),
    )


def _as_graph(
    memory: MemoryPlan,
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    states: Updates,
    written: set[str],
) -> MemoryPlan:
    """``memory`` in terms of the graph that it was made for."""
    final = len(graph.nodes) - 1
    tensors = {state.tensor for state in graph.states}
    placements = [
        replace(
            p,
            kind="state" if p.tensor in tensors else p.kind,
            first_layer=min(p.first_layer, final),
            last_layer=min(p.last_layer, final),
        )
        for p in memory.placements
        if p.tensor not in written
    ]
    for layer, op in enumerate(graph.nodes):
        if (state := states.in_place.get(op.output)) is not None:
            at, size = memory.placed(state), tensor_bytes[op.output]
            placements.append(
                Placement(op.output, "activation", at.offset, size, layer, final, state, at.region)
            )
    return replace(memory, placements=tuple(sorted(placements, key=lambda p: p.first_layer)))


def _roots(graph: Graph) -> dict[str, str]:
    """For each activation the tensor in whose bytes it lies: itself, or what reshapes lead to."""
    root = {name: name for name in graph.sources}
    for op in graph.nodes:
        root[op.output] = root[op.input] if isinstance(op, Reshape) else op.output
    return root


def _written_after_reads(graph: Graph, state: State, root: Mapping[str, str]) -> bool:
    """Whether a layer computes the next value after the last one that reads the present one."""
    layer = {op.output: k for k, op in enumerate(graph.nodes)}
    if root[state.update] != state.update or state.update not in layer:
        return False
    reads = (k for k, op in enumerate(graph.nodes) for x in activations(op) if _is(x, state, root))
    return max(reads, default=-1) < layer[state.update]


def _is(name: str, state: State, root: Mapping[str, str]) -> bool:
    return root[name] == state.tensor
