"""Who shares memory with whom: tensors that lie on the same bytes are one block.

Also a first placement of blocks: largest first, each into the smallest gap that fits among the
blocks alive at the same time (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
Inference", 2020, greedy by size; best fit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwkit.errors import GraphError
from hwkit.lower.memory_packing import Box, Gap, Problem, together
from hwkit.lower.memory_packing import problem as pack
from hwkit.lower.schedule import Overlaps, Schedule, Step, scratch_name

Lifetimes = Mapping[str, tuple[int, int]]
"""First and last step of each tensor, as ``Schedule.lifetimes``."""


@dataclass(slots=True)
class Block:
    """Tensors on the same bytes, alive together from ``first`` to ``last`` but in ``gap``."""

    name: str
    size: int
    first: int
    last: int
    offset: int = 0
    gap: Gap | None = None


def scratch_blocks(schedule: Schedule) -> list[Block]:
    """The scratch of every step that needs any."""
    return [
        Block(scratch_name(step), step.scratch_bytes, k, k)
        for k, step in enumerate(schedule.steps)
        if step.scratch_bytes
    ]


def blocks_of(
    owner: Mapping[str, str],
    tensor_bytes: Mapping[str, int],
    lifetimes: Lifetimes,
    gaps: Mapping[str, Gap],
) -> dict[str, Block]:
    """One block for all tensors of the same owner; one with a gap has its own."""
    blocks: dict[str, Block] = {}
    for name, (first, last) in lifetimes.items():
        block = blocks.setdefault(
            owner[name], Block(owner[name], 0, first, last, gap=gaps.get(name))
        )
        block.size = max(block.size, tensor_bytes[name])
        block.first, block.last = min(block.first, first), max(block.last, last)
    return blocks


def owners(
    schedule: Schedule, lifetimes: Lifetimes, only_same_start: bool = False
) -> dict[str, str]:
    """For each tensor the one whose block it lives in (itself, or the first of its chain);
    ``only_same_start`` leaves out those that could lie elsewhere over each other as well."""
    owner = {name: name for name in lifetimes}
    last = {name: span[1] for name, span in lifetimes.items()}
    for k, step in enumerate(schedule.steps):
        names = step.in_place if step.moves_nothing else over_start(step, schedule)
        if not step.moves_nothing and not only_same_start:
            names = (*names, *_as_long(step, schedule))
        for name in names:
            block, output = owner[name], step.writes[0]
            if step.moves_nothing or last[block] <= k:
                owner[output] = block
                last[block] = max(last[block], last[output])
                break
    return owner


def over_start(step: Step, schedule: Schedule) -> tuple[str, ...]:
    """Inputs from whose start on the step may write its output, which is no longer. What is
    gone for a while has a block of its own."""
    sizes, gaps = schedule.tensor_bytes, schedule.gaps
    return tuple(
        name
        for name in step.starts_with
        if sizes[step.writes[0]] <= sizes[name] and not {name, step.writes[0]} & gaps.keys()
    )


def in_place(schedule: Schedule) -> Overlaps:
    """The overlaps of every step, and 0 for every input whose bytes it may take over."""
    return {
        step.name: {**step.overlaps, **dict.fromkeys(_as_long(step, schedule), 0)}
        for step in schedule.steps
    }


def _as_long(step: Step, schedule: Schedule) -> list[str]:
    """Inputs that the step may overwrite, with as many bytes as its output."""
    sizes = schedule.tensor_bytes
    return [name for name in step.in_place if sizes[name] == sizes[step.writes[0]]]


def problem_of(
    schedule: Schedule,
    owner: Mapping[str, str],
    blocks: list[Block],
    alignment: int,
    overlaps: Overlaps,
) -> Problem:
    """``blocks`` in units of ``alignment``. A distance of ``overlaps`` counts where nobody reads
    the input, nor what shares its bytes, after the step."""
    index = {block.name: k for k, block in enumerate(blocks)}
    closer: dict[tuple[int, int], int] = {}
    for k, step in enumerate(schedule.steps):
        for name, distance in overlaps.get(step.name, {}).items():
            output, source = index[owner[step.writes[0]]], index[owner[name]]
            if blocks[source].last == k == blocks[output].first and source != output:
                closer[output, source] = -(-distance // alignment)
    lifetimes = schedule.lifetimes()
    members: dict[str, list[str]] = {}
    for name, block in owner.items():
        members.setdefault(block, []).append(name)
    wanted = {
        (owner[name], owner[other]) for name, near in schedule.closer.items() for other in near
    }
    for low, high in sorted(wanted):
        # What shares their bytes must be allowed as close.
        asked = [
            schedule.closer.get(a, {}).get(b)
            for a in members[low]
            for b in members[high]
            if lifetimes[a][0] <= lifetimes[b][1] and lifetimes[b][0] <= lifetimes[a][1]
        ]
        given = [distance for distance in asked if distance is not None]
        if low != high and given and len(given) == len(asked):
            closer[index[low], index[high]] = -(-max(given) // alignment)
    for pair, size in _shrunk(schedule, members, blocks, lifetimes).items():
        units = -(-size // alignment)
        closer[pair] = min(closer.get(pair, units), units)
    boxes = [Box(-(-b.size // alignment), b.first, b.last, b.gap) for b in blocks]
    return pack(boxes, closer)


def _shrunk(
    schedule: Schedule,
    members: Mapping[str, Sequence[str]],
    blocks: Sequence[Block],
    lifetimes: Lifetimes,
) -> dict[tuple[int, int], int]:
    """By block and another how many bytes of the first are ever there with the second: of tensors
    that begin at the same byte those that live while the other one does.

    Example: an output of 64 bytes at the start of its input of 256: what comes once the input has
    been read may lie 64 bytes above.
    """
    found: dict[tuple[int, int], int] = {}
    for low, block in enumerate(blocks):
        names = members.get(block.name, [])
        if len({schedule.tensor_bytes[name] for name in names}) < 2:
            continue
        for high, other in enumerate(blocks):
            if high == low or not together(block, other):
                continue
            there = [
                schedule.tensor_bytes[name]
                for name in names
                if any(_alive(other, k) for k in range(lifetimes[name][0], lifetimes[name][1] + 1))
            ]
            if (size := max(there, default=0)) < block.size:
                found[low, high] = size
    return found


def _alive(block: Block, layer: int) -> bool:
    gone = block.gap is not None and block.gap[0] <= layer <= block.gap[1]
    return block.first <= layer <= block.last and not gone


def place(blocks: list[Block], alignment: int) -> None:
    """Gives each block its offset, a multiple of ``alignment``: the largest block first."""
    done: list[Block] = []
    for block in sorted(blocks, key=lambda b: (-b.size, b.first, b.name)):
        neighbours = [b for b in done if together(b, block)]
        block.offset = best_gap(neighbours, block.size, alignment)
        done.append(block)


def best_gap(neighbours: list[Block], size: int, alignment: int) -> int:
    """Offset of the smallest gap of at least ``size`` bytes, else behind all neighbours."""
    best, best_gap, end = -1, 0, 0
    for b in sorted(neighbours, key=lambda b: b.offset):
        gap = b.offset - end
        if gap >= size and (best < 0 or gap < best_gap):
            best, best_gap = end, gap
        end = max(end, -(-(b.offset + b.size) // alignment) * alignment)
    return best if best >= 0 else end


def check(blocks: list[Block]) -> None:
    """Raises ``GraphError`` if two blocks alive together overlap: a fault of the planner."""
    for i, a in enumerate(blocks):
        for b in blocks[:i]:
            apart = a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
            if together(a, b) and not apart:
                raise GraphError(a.name, f"overlaps {b.name} in the memory plan")
