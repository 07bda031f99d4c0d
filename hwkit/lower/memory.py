"""Places activations and scratch buffers in one arena: who shares memory with whom, and where.

Tensors that may share (a reshape with its input, an element-wise op over an input that nobody
reads later) become one block. Blocks are placed largest first, each into the smallest gap that
fits among the blocks alive at the same time (Pisarchyk and Lee, "Efficient Memory Management for
Deep Neural Net Inference", 2020, greedy by size; best fit). Then ``memory_core`` decides the
largest blocks, which often settles it. Else ``memory_search`` looks for less, and where a lower
bound leaves room ``memory_exact`` decides a small graph for good. What was found is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Clamp,
    Lookup,
    Mul,
    Op,
    Prelu,
    Requantize,
    Reshape,
    Sub,
    activations,
)
from hwkit.lower.memory_core import core
from hwkit.lower.memory_exact import solve
from hwkit.lower.memory_packing import Box, Problem, conflict, height, lower_bound
from hwkit.lower.memory_packing import problem as pack
from hwkit.lower.memory_search import search
from hwkit.lower.remembered import remembered

ALIGNMENT_BYTES = 16

Overlaps: TypeAlias = Mapping[str, Mapping[str, int]]
"""By node and input: the node's output may start this many bytes before that input, or more,
if nobody reads the input afterwards. The kernel has then read each byte before it writes it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One tensor (or the scratch of one layer) in the arena.

    Alive from ``first_layer`` to ``last_layer``, both included; the graph's input is alive from
    layer 0, an output to the last layer. ``shared`` names the input whose bytes it takes over,
    wholly or in part, or is "".
    """

    tensor: str
    kind: str
    offset: int
    size_bytes: int
    first_layer: int
    last_layer: int
    shared: str = ""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """``arena_bytes`` in all, and every placement in order of first use.

    No plan for the same order of layers needs fewer bytes than ``lower_bound_bytes``; ``optimal``
    when none needs fewer than this one, by the bound or because all others were ruled out.
    """

    arena_bytes: int
    placements: tuple[Placement, ...]
    lower_bound_bytes: int = 0
    optimal: bool = False

    def offset(self, tensor: str) -> int:
        """Where a tensor, or ``scratch_name(op)``, starts."""
        return next(p.offset for p in self.placements if p.tensor == tensor)

    def in_use(self, layer: int) -> int:
        """Bytes of the arena that hold something alive in ``layer``; shared ones count once."""
        alive = (p for p in self.placements if p.first_layer <= layer <= p.last_layer)
        total = end = 0
        for start, size in sorted((p.offset, p.size_bytes) for p in alive):
            total += max(start + size - max(start, end), 0)
            end = max(end, start + size)
        return total


def scratch_name(op: Op) -> str:
    """The name under which the scratch of ``op`` is placed; no tensor has it."""
    return f"{op.name}/scratch"


@dataclass(slots=True)
class _Block:
    """Tensors on the same bytes, alive together from ``first`` to ``last``."""

    name: str
    size: int
    first: int
    last: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class _Placed:
    """Offsets of boxes, and a height that no placement beats."""

    offsets: tuple[int, ...]
    bound: int


def plan_memory(
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    scratch_bytes: Mapping[str, int],
    alignment: int = ALIGNMENT_BYTES,
    overlaps: Overlaps | None = None,
) -> MemoryPlan:
    """The plan for a graph whose layers are its nodes in order.

    ``tensor_bytes`` has the size of every input and op output as stored, ``scratch_bytes`` the
    scratch of the nodes (by name) that need any. Every offset is a multiple of ``alignment``.
    ``overlaps`` says by node and input how far ahead of its output a kernel reads that input.

    Example: input 64 bytes, conv to 256, in-place clamp, dense to 10: 320 bytes, the dense's
    output where the input was.
    """
    overlaps = overlaps or {}
    lifetimes = _lifetimes(graph)
    scratch = _scratch(graph, scratch_bytes)

    owner = _shared(graph, tensor_bytes, lifetimes)
    merged = [*_blocks(owner, tensor_bytes, lifetimes).values(), *scratch]
    _place(merged, alignment)
    _check(merged)
    problem = _problem(graph, owner, merged, alignment, overlaps)
    start = [block.offset // alignment for block in merged]

    # The same with every tensor by itself: what in place can save, and a bound on all choices.
    free = _shared(graph, tensor_bytes, lifetimes, reshapes_only=True)
    loose = [*_blocks(free, tensor_bytes, lifetimes).values(), *scratch]
    in_place = _in_place(graph, tensor_bytes, overlaps)
    loose_problem = _problem(graph, free, loose, alignment, in_place)
    names = [block.name for block in merged]
    home = [names.index(owner.get(block.name, block.name)) for block in loose]

    # Numbers alone, so that names don't count.
    placed = remembered(
        _Placed,
        [_numbers(loose_problem), _numbers(problem), start, home],
        lambda: _placed(problem, start, loose_problem, home),
        lambda found: _legal(loose_problem, found),
    )
    if (pair := conflict(loose_problem, placed.offsets)) is not None:
        raise GraphError(loose[pair[0]].name, f"overlaps {loose[pair[1]].name} in the memory plan")
    offsets = {
        block.name: units * alignment for block, units in zip(loose, placed.offsets, strict=True)
    }
    units = height(loose_problem, placed.offsets)
    return MemoryPlan(
        units * alignment,
        _placements(graph, tensor_bytes, lifetimes, free, offsets, scratch),
        placed.bound * alignment,
        units == placed.bound,
    )


def _numbers(problem: Problem) -> list[object]:
    boxes = [[box.size, box.first, box.last] for box in problem.boxes]
    return [boxes, [sorted(near.items()) for near in problem.above]]


def _legal(problem: Problem, placed: _Placed) -> bool:
    whole = len(placed.offsets) == len(problem.boxes) and min(placed.offsets, default=0) >= 0
    return whole and conflict(problem, placed.offsets) is None


def _placed(problem: Problem, start: Sequence[int], loose: Problem, home: Sequence[int]) -> _Placed:
    """The lowest placement of the ``loose`` boxes that is found, from ``start``, a legal one of
    the merged boxes of ``problem``; ``home`` says in which of these each loose box lies."""
    bound, around = core(loose, lower_bound(loose), [start[k] for k in home])
    merged = search(problem, bound, start)
    found = min([merged[k] for k in home], around, key=lambda offsets: height(loose, offsets))
    if height(loose, found) > bound:
        solution = solve(loose, bound, search(loose, bound, found))
        found = list(solution.offsets)
        bound = height(loose, found) if solution.proven else bound
    return _Placed(tuple(found), bound)


def _scratch(graph: Graph, scratch_bytes: Mapping[str, int]) -> list[_Block]:
    return [
        _Block(scratch_name(op), size, layer, layer)
        for layer, op in enumerate(graph.nodes)
        if (size := scratch_bytes.get(op.name, 0))
    ]


def _blocks(
    owner: Mapping[str, str],
    tensor_bytes: Mapping[str, int],
    lifetimes: Mapping[str, tuple[int, int]],
) -> dict[str, _Block]:
    """One block for all tensors of the same owner."""
    blocks: dict[str, _Block] = {}
    for name, (first, last) in lifetimes.items():
        block = blocks.setdefault(owner[name], _Block(owner[name], 0, first, last))
        block.size = max(block.size, tensor_bytes[name])
        block.first, block.last = min(block.first, first), max(block.last, last)
    return blocks


def _in_place(graph: Graph, tensor_bytes: Mapping[str, int], overlaps: Overlaps) -> Overlaps:
    """``overlaps``, and 0 for every input over which an op may write as it reads."""
    result: dict[str, Mapping[str, int]] = {}
    for op in graph.nodes:
        same = [x for x in _candidates(op) if tensor_bytes[x] == tensor_bytes[op.output]]
        result[op.name] = {**overlaps.get(op.name, {}), **dict.fromkeys(same, 0)}
    return result


def _problem(
    graph: Graph,
    owner: Mapping[str, str],
    blocks: list[_Block],
    alignment: int,
    overlaps: Overlaps,
) -> Problem:
    """``blocks`` in units of ``alignment``. A distance of ``overlaps`` counts where nobody reads
    the input, nor what shares its bytes, after the op."""
    index = {block.name: k for k, block in enumerate(blocks)}
    closer: dict[tuple[int, int], int] = {}
    for layer, op in enumerate(graph.nodes):
        output = index[owner[op.output]]
        for name, distance in overlaps.get(op.name, {}).items():
            source = index[owner[name]]
            if blocks[source].last == layer == blocks[output].first and source != output:
                closer[output, source] = -(-distance // alignment)
    boxes = [Box(-(-b.size // alignment), b.first, b.last) for b in blocks]
    return pack(boxes, closer)


def _placements(
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    lifetimes: Mapping[str, tuple[int, int]],
    owner: Mapping[str, str],
    offsets: Mapping[str, int],
    scratch: list[_Block],
) -> tuple[Placement, ...]:
    spans = {
        name: (offsets[owner[name]], offsets[owner[name]] + tensor_bytes[name])
        for name in lifetimes
    }
    makers = {op.output: op for op in graph.nodes}
    final = max(len(graph.nodes) - 1, 0)
    placements = [
        Placement(
            name,
            "activation",
            spans[name][0],
            tensor_bytes[name],
            first,
            min(last, final),
            _shares_with(makers.get(name), spans),
        )
        for name, (first, last) in lifetimes.items()
    ]
    placements += [
        Placement(b.name, "scratch", offsets[b.name], b.size, b.first, b.last) for b in scratch
    ]
    return tuple(sorted(placements, key=lambda p: p.first_layer))


def _lifetimes(graph: Graph) -> dict[str, tuple[int, int]]:
    """First and last layer at which each activation's bytes must be intact; the last of a
    graph's output lies behind all layers."""
    spans = {name: (0, 0) for name in graph.inputs}
    for layer, op in enumerate(graph.nodes):
        for name in activations(op):
            spans[name] = (spans[name][0], layer)
        spans[op.output] = (layer, layer)
    for name in graph.outputs:
        spans[name] = (spans[name][0], len(graph.nodes))
    return spans


def _shared(
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    lifetimes: Mapping[str, tuple[int, int]],
    reshapes_only: bool = False,
) -> dict[str, str]:
    """For each tensor the one whose block it lives in (itself, or the first of its chain)."""
    owner = {name: name for name in lifetimes}
    last = {name: span[1] for name, span in lifetimes.items()}
    for layer, op in enumerate(graph.nodes):
        for name in () if reshapes_only and not isinstance(op, Reshape) else _candidates(op):
            block = owner[name]
            same_size = tensor_bytes[name] == tensor_bytes[op.output]
            if isinstance(op, Reshape) or (same_size and last[block] <= layer):
                owner[op.output] = block
                last[block] = max(last[block], last[op.output])
                break
    return owner


def _candidates(op: Op) -> tuple[str, ...]:
    """Inputs over which ``op`` may write its output: each output integer depends on the input
    integers at its own position alone."""
    if isinstance(op, Reshape | Requantize | Clamp | Lookup | Prelu | Add | Sub | Mul):
        return activations(op)
    return ()


def _shares_with(op: Op | None, spans: Mapping[str, tuple[int, int]]) -> str:
    """The input whose bytes the output of ``op`` takes over, wholly or in part, or ""."""
    if op is None:
        return ""
    start, end = spans[op.output]
    return next((x for x in activations(op) if spans[x][0] < end and start < spans[x][1]), "")


def _place(blocks: list[_Block], alignment: int) -> int:
    """Gives each block its offset; returns the bytes needed in all."""
    done: list[_Block] = []
    arena = 0
    for block in sorted(blocks, key=lambda b: (-b.size, b.first, b.name)):
        neighbours = [b for b in done if _overlap(b, block)]
        block.offset = _best_gap(neighbours, block.size, alignment)
        done.append(block)
        arena = max(arena, block.offset + block.size)
    return -(-arena // alignment) * alignment


def _overlap(a: _Block, b: _Block) -> bool:
    return a.first <= b.last and b.first <= a.last


def _best_gap(neighbours: list[_Block], size: int, alignment: int) -> int:
    """Offset of the smallest gap of at least ``size`` bytes, else behind all neighbours."""
    best, best_gap, end = -1, 0, 0
    for b in sorted(neighbours, key=lambda b: b.offset):
        gap = b.offset - end
        if gap >= size and (best < 0 or gap < best_gap):
            best, best_gap = end, gap
        end = max(end, -(-(b.offset + b.size) // alignment) * alignment)
    return best if best >= 0 else end


def _check(blocks: list[_Block]) -> None:
    """Raises ``GraphError`` if two blocks alive together overlap: a fault of the planner."""
    for i, a in enumerate(blocks):
        for b in blocks[:i]:
            apart = a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
            if _overlap(a, b) and not apart:
                raise GraphError(a.name, f"overlaps {b.name} in the memory plan")
