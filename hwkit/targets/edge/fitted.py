"""A file for an arena of so many bytes: hwkit's memory plan in it, and layers in turns as needed.

What a file takes in all, with what TFLM keeps for each node and channel, is measured in its
interpreter. So are plans: from the step that needs most memory a few layers are computed in 2 to 8
turns, each from its own part of what they read, rows between computed again: a halo that is kept
costs two more nodes in each turn, some hundred bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hwkit.boards import Board
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.optimize import optimize
from hwkit.lower.optimize.fuse_pad import fuse_pad
from hwkit.lower.patch.peak import whole_bytes
from hwkit.lower.patch.spans import can_tile
from hwkit.lower.patch.turns import Stage, boundary, by_output
from hwkit.target import Lowered
from hwkit.targets.edge.emit import file_model, has_functions
from hwkit.targets.edge.flatbuffer import write
from hwkit.targets.edge.loaded import load
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.offline import planned
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.patched import patched

MOST_LAYERS = 4
"""Of a stage that is tried."""
TURNS = (2, 3, 4, 6, 8)
"""Into how many turns the rows of a stage's result are divided that are tried."""
_MORE_BYTES = 64
"""By so many bytes a second stage must do with less than one, to be looked for."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """The layers ``first`` up to but without ``last`` of a graph in ``turns`` turns."""

    first: int
    last: int
    turns: int

    def stage(self, graph: Graph) -> Stage:
        nodes = graph.nodes[self.first : self.last]
        height = graph.tensors[nodes[-1].output].shape[0]
        return by_output(graph, nodes, -(-height // self.turns), [op.output for op in nodes[:-1]])


@dataclass(frozen=True, slots=True)
class _Tried:
    """``arena_bytes`` as the runtime has them, ``kept_bytes`` of these beside activations, and
    what is made from the step on that needs most."""

    lowered: Lowered[EdgePlan]
    arena_bytes: int
    kept_bytes: int
    made: tuple[str, ...]


def fitted(graph: Graph, board: Board, limit_bytes: int) -> Lowered[EdgePlan]:
    """``graph`` lowered for ``board`` in at most ``limit_bytes`` of arena, channels that hold one
    integer removed before.

    Raises what ``lower`` and ``within`` raise, and ``ConfigError`` for a graph with states, whose
    variables TFLM places itself."""
    if graph.states:
        raise ConfigError(
            f"{graph.name}: has {len(graph.states)} states, which TFLM places itself; leave --sram "
            "out"
        )
    found = optimize(apply(graph, fuse_requantize))
    lowered = within(lower(found.graph, board), limit_bytes)
    return replace(lowered, optimized=found.found)


def within(lowered: Lowered[EdgePlan], limit_bytes: int) -> Lowered[EdgePlan]:
    """``lowered`` in at most ``limit_bytes`` of arena: whole if that fits, else with stages in
    turns, those of least work that fit where one stage does.

    ``BudgetInfeasible`` with the bytes that are missing where none that was tried fits. Example:
    person detection of MLPerf Tiny, 103,680 bytes as TFLM places it, fits 50,000.
    """
    graph = apply(lowered.graph, fuse_pad)  # as ``patched`` has it
    cuts: tuple[_Cut, ...] = ()
    best = _tried(_in_turns(lowered, cuts))
    inputs = sum(whole_bytes(graph, name) for name in graph.inputs)
    if limit_bytes < (least := best.kept_bytes + inputs):
        raise _missing(graph, least, limit_bytes, "inputs and what TFLM keeps for each layer")
    while best.arena_bytes > limit_bytes:
        found, before, base = best, best.arena_bytes, cuts
        for cut in _cuts(graph, best.made, base):
            one = _tried(_in_turns(lowered, (*base, cut)))
            if one.arena_bytes < found.arena_bytes:
                found, cuts = one, (*base, cut)
            if found.arena_bytes <= limit_bytes:
                return found.lowered
        if found.arena_bytes > before - _MORE_BYTES:
            raise _missing(graph, before, limit_bytes, "all in the smallest file that was tried")
        best = found
    return best.lowered


def _missing(graph: Graph, needed: int, limit_bytes: int, what: str) -> BudgetInfeasible:
    return BudgetInfeasible(
        f"{graph.name}: {what} take {needed:,} bytes of arena, {needed - limit_bytes:,} more than "
        "there are; give --sram more"
    )


def _in_turns(lowered: Lowered[EdgePlan], cuts: Sequence[_Cut]) -> Lowered[EdgePlan]:
    return patched(lowered, lambda graph: [cut.stage(graph) for cut in cuts])


def _tried(lowered: Lowered[EdgePlan]) -> _Tried:
    board = lowered.board.edge
    assert board is not None
    model, plan = planned(file_model(lowered.graph, has_functions(board)))
    facts = load(board, write(model), len(lowered.graph.outputs)).facts
    largest = max(range(len(model.operators)), key=plan.in_use)
    made = tuple(op.outputs[0] for op in model.operators[largest:])
    arena = facts["arena_bytes"]
    return _Tried(lowered, arena, arena - plan.arena_bytes, made)


def _cuts(graph: Graph, made: Sequence[str], taken: Sequence[_Cut]) -> list[_Cut]:
    """Stages around the layer that makes the first tensor of ``made``, those of least work first;
    none that shares layers with one that is ``taken``."""
    places = {op.output: k for k, op in enumerate(graph.nodes)}
    found: dict[_Cut, int] = {}
    for at in [places[name] for name in made if name in places][:1]:
        for first in range(max(at - MOST_LAYERS + 1, 0), at + 1):
            for last in range(max(at, first + 1) + 1, first + MOST_LAYERS + 1):
                free = all(last <= cut.first or cut.last <= first for cut in taken)
                if free and _is_chain(graph, graph.nodes[first:last], last - first):
                    found |= {cut: _work(graph, cut) for cut in _divided(graph, first, last)}
    return sorted(found, key=lambda cut: (found[cut], cut.turns, cut.first, cut.last))


def _divided(graph: Graph, first: int, last: int) -> Iterator[_Cut]:
    height = graph.tensors[graph.nodes[last - 1].output].shape[0]
    return (_Cut(first, last, turns) for turns in TURNS if turns < height)


def _is_chain(graph: Graph, nodes: Sequence[Op], length: int) -> bool:
    one = len(nodes) == length and all(len(activations(op)) == 1 for op in nodes)
    linked = one and all(activations(b) == (a.output,) for a, b in pairwise(nodes))
    tiled = linked and all(can_tile(graph, op) for op in nodes)
    return tiled and boundary(graph, nodes)[1] == (nodes[-1].output,)


def _work(graph: Graph, cut: _Cut) -> int:
    """Multiplications of the stage's layers, those that are made again included."""
    stage = cut.stage(graph)
    total = 0
    for turn in stage.turns:
        for op, part in zip(stage.nodes, turn.parts, strict=True):
            if part is not None:
                rows = graph.tensors[op.output].shape[0]
                total += macs(graph, op) * len(part.rows) // rows
    return total - sum(macs(graph, op) for op in stage.nodes)
