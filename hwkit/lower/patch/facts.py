"""What is said of a stage: in a plan, and of the build that runs it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hwkit.lower.memory import MemoryPlan
from hwkit.lower.patch.schedule import halo
from hwkit.lower.patch.turns import Stage


def bank_facts(memory: MemoryPlan) -> dict[str, Any]:
    """What a placement in several SRAMs costs, as JSON; nothing of a board with one.

    ``arena_accesses``: bytes that an inference loads and stores by region, ``arena_wait_cycles``
    how long it waits for them and ``arena_wait_bound_cycles`` less than which no placement waits
    (0: unknown), both estimated; ``arena_moves`` what is copied from where to where.
    """
    if len(memory.regions) < 2:
        return {}
    return {
        "arena_accesses": {
            used.region: accessed
            for used, accessed in zip(memory.regions, memory.waits.accessed_bytes, strict=True)
        },
        "arena_wait_cycles": memory.waits.cycles,
        "arena_wait_bound_cycles": memory.waits.bound_cycles,
        "arena_moves": [
            {
                "tensor": move.tensor,
                "layer": move.layer,
                "from": memory.placed(move.tensor).region,
                "to": memory.placed(move.tensor, move.layer).region,
                "size_bytes": memory.placed(move.tensor).size_bytes,
            }
            for move in memory.moves
        ],
    }


def stage_facts(stage: Stage, memory: MemoryPlan) -> dict[str, Any]:
    """A stage as JSON: its layers, ``rows`` of its first source a turn, how many ``turns``, bytes
    in ``memory`` of what is kept between them, and which tensors are ``computed_again``."""
    return {
        "first": stage.nodes[0].name,
        "last": stage.nodes[-1].name,
        "layers": len(stage.nodes),
        "rows": _rows(stage),
        "turns": len(stage.turns),
        "streamed": list(stage.streamed),
        "computed_again": [op.output for k, op in enumerate(stage.nodes) if _is_again(stage, k)],
        "halo_bytes": sum(
            memory.placed(halo(name)).size_bytes for name in stage.buffers if stage.kept(name)
        ),
    }


def _rows(stage: Stage) -> int:
    """The most rows of the first source that are new in a turn."""
    source = stage.sources[0]
    return max(len(turn.held[source]) - turn.kept[source] for turn in stage.turns)


def _is_again(stage: Stage, k: int) -> bool:
    """Whether some row of the layer is made in more than one turn."""
    made = [part.rows for turn in stage.turns if (part := turn.parts[k]) is not None]
    return any(after.start < before.stop for before, after in pairwise(made))
