"""Places activations and scratch buffers in one arena: who shares memory with whom, and where.

Tensors that may share (a reshape with its input, an element-wise op over an input that nobody
reads later) become one block. Blocks are placed largest first, each into the smallest gap that
fits among the blocks alive at the same time (Pisarchyk and Lee, "Efficient Memory Management for
Deep Neural Net Inference", 2020, greedy by size; best fit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Lookup, Op, Requantize, Reshape, activations

ALIGNMENT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Placement:
    """One tensor (or the scratch of one layer) in the arena.

    Alive from ``first_layer`` to ``last_layer``, both included; the graph's input is alive from
    layer 0, an output to the last layer. ``shared`` names the tensor whose bytes it takes over
    in place, or is "".
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
    """``arena_bytes`` in all, and every placement in order of first use."""

    arena_bytes: int
    placements: tuple[Placement, ...]

    def offset(self, tensor: str) -> int:
        """Where a tensor, or ``scratch_name(op)``, starts."""
        return next(p.offset for p in self.placements if p.tensor == tensor)


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


def plan_memory(
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    scratch_bytes: Mapping[str, int],
    alignment: int = ALIGNMENT_BYTES,
) -> MemoryPlan:
    """The plan for a graph whose layers are its nodes in order.

    ``tensor_bytes`` has the size of every input and op output as stored, ``scratch_bytes`` the
    scratch of the nodes (by name) that need any. Every offset is a multiple of ``alignment``.

    Example: input 64 bytes, conv to 256, in-place clamp, dense to 10: 320 bytes, the dense's
    output where the input was.
    """
    lifetimes = _lifetimes(graph)
    owner = _shared(graph, tensor_bytes, lifetimes)
    blocks: dict[str, _Block] = {}
    for name, (first, last) in lifetimes.items():
        block = blocks.setdefault(owner[name], _Block(owner[name], 0, first, last))
        block.size = max(block.size, tensor_bytes[name])
        block.first, block.last = min(block.first, first), max(block.last, last)
    layers = {op.name: k for k, op in enumerate(graph.nodes)}
    names = {op.name: scratch_name(op) for op in graph.nodes}
    scratch = [
        _Block(names[name], size, layers[name], layers[name])
        for name, size in scratch_bytes.items()
        if size
    ]
    placed = [*blocks.values(), *scratch]
    arena = _place(placed, alignment)
    _check(placed)
    placements = [
        Placement(
            name,
            "activation",
            blocks[owner[name]].offset,
            tensor_bytes[name],
            first,
            min(last, max(len(graph.nodes) - 1, 0)),
            _shares_with(graph, name, owner),
        )
        for name, (first, last) in lifetimes.items()
    ]
    placements += [Placement(b.name, "scratch", b.offset, b.size, b.first, b.last) for b in scratch]
    placements.sort(key=lambda p: p.first_layer)
    return MemoryPlan(arena, tuple(placements))


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
    graph: Graph, tensor_bytes: Mapping[str, int], lifetimes: Mapping[str, tuple[int, int]]
) -> dict[str, str]:
    """For each tensor the one whose block it lives in (itself, or the first of its chain)."""
    owner = {name: name for name in lifetimes}
    last = {name: span[1] for name, span in lifetimes.items()}
    for layer, op in enumerate(graph.nodes):
        for name in _candidates(op):
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
    if isinstance(op, Reshape | Requantize | Clamp | Lookup | Add):
        return activations(op)
    return ()


def _shares_with(graph: Graph, name: str, owner: Mapping[str, str]) -> str:
    for op in graph.nodes:
        if op.output == name:
            return next((x for x in _candidates(op) if owner[x] == owner[name]), "")
    return ""


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
