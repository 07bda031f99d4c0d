"""What it costs to lie in which region: bytes loaded and stored, and the cycles that they wait.

Costs are integers, in cycles for each word of 4 bytes times bytes: a quarter of a cycle is 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hwkit.lower.memory_blocks import Block
from hwkit.lower.memory_moves import Cut
from hwkit.lower.schedule import Schedule, scratch_name

WORD_BYTES = 4

_SCRATCH_TIMES = 8
"""How often a byte of scratch is read or written where the step does not say: a column buffer is
filled anew for every few pixels."""


def accessed(schedule: Schedule) -> list[dict[str, int]]:
    """For each step the bytes that it loads and stores in all, by tensor and ``scratch_name``."""
    found = []
    for step in schedule.steps:
        names = (*step.reads, *step.writes)
        own = {name: schedule.tensor_bytes[name] for name in names}
        if step.scratch_bytes:
            own[scratch_name(step)] = _SCRATCH_TIMES * step.scratch_bytes
        found.append({name: step.accessed.get(name, size) for name, size in own.items()})
    return found


@dataclass(frozen=True, slots=True)
class Offered:
    """What boxes cost by region, of ``accessed`` bytes each; ``cuts`` that may be made, and the
    same of the two boxes of each."""

    costs: list[list[int]]
    accessed: list[int]
    cuts: list[Cut]
    cut_costs: list[list[int]]
    cut_accessed: list[int]


def offered(
    schedule: Schedule,
    owner: Mapping[str, str],
    blocks: Sequence[Block],
    waits: Sequence[int],
    movable: Collection[str],
) -> Offered:
    """Of each of ``blocks``, whose tensors are told by ``owner``, what it costs in regions of
    ``waits`` cycles; and the cuts of those of ``movable`` tensors that have a block of their own.

    A copy loads and stores every word, a cycle each and what the regions wait.
    """
    touched = accessed(schedule)
    members: dict[str, list[str]] = {block.name: [] for block in blocks}
    for name, of in owner.items():
        members[of].append(name)
    found = Offered([], [], [], [], [])
    for number, block in enumerate(blocks):
        names = members[block.name] or [block.name]
        by_step = [sum(in_step.get(name, 0) for name in names) for in_step in touched]
        found.costs.append([sum(by_step) * wait for wait in waits])
        found.accessed.append(sum(by_step))
        if len(names) > 1 or block.name not in movable or block.gap is not None:
            continue
        for step in range(block.first + 1, len(schedule.steps)):
            if block.name in schedule.steps[step].reads:
                found.cuts.append(Cut(number, step))
                for part in (by_step[:step], by_step[step:]):
                    all_bytes = sum(part) + block.size
                    found.cut_costs.append([all_bytes * wait + block.size for wait in waits])
                    found.cut_accessed.append(all_bytes)
    return found
