"""Estimated cycles of a project, by the graph's ops."""

from __future__ import annotations

from hwkit.ir.graph import Graph
from hwkit.targets.hls4ml.estimate import estimate
from hwkit.targets.hls4ml.network import Network


def cycles_by_op(graph: Graph, plan: Network) -> list[int]:
    """Cycles in which the layers of each op are busy with one sample; 0 for an op without layers.

    An op's layers are those that were made for it: all up to the one that gives its output.
    """
    cycles = estimate(plan.layers, plan.io_type).cycles
    names = list(cycles)
    found, done = [], 0
    for op in graph.nodes:
        layer = plan.traced.get(op.output, "")
        end = names.index(layer) + 1 if layer in cycles else done
        found.append(sum(cycles[name] for name in names[done:end]))
        done = max(done, end)
    return found
