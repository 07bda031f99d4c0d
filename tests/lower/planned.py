"""Memory plans of graphs whose nodes are the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwkit.ir.graph import Graph
from hwkit.lower.memory import ALIGNMENT_BYTES, MemoryPlan, Region, plan_memory
from hwkit.lower.schedule import Overlaps, step_per_node


def plan_nodes(
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    scratch_bytes: Mapping[str, int],
    alignment: int = ALIGNMENT_BYTES,
    overlaps: Overlaps | None = None,
    regions: Sequence[Region] = (),
) -> MemoryPlan:
    schedule = step_per_node(graph, tensor_bytes, scratch_bytes, overlaps)
    return plan_memory(schedule, regions, alignment)
