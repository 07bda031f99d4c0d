"""A lowered graph with stages in turns: a .tflite whose maps are never whole, for any runtime.

The parts of a layer share its weights in the file. TFLM keeps 8 bytes a channel and some hundred
bytes a node for each of them beside the maps, so that few and large turns are best: what a file
takes in all is measured, not computed (``facts.json``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hwkit.ir.graph import Graph
from hwkit.ir.verify import verify
from hwkit.lower.checked import apply
from hwkit.lower.optimize.fuse_pad import fuse_pad
from hwkit.lower.patch.rewrite import unrolled
from hwkit.lower.patch.turns import Stage
from hwkit.target import Lowered
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.split import split_borders

MOST_JOINED = 10
"""Inputs that TFLM's CONCATENATION takes."""


def patched(
    lowered: Lowered[EdgePlan], stages: Callable[[Graph], Sequence[Stage]]
) -> Lowered[EdgePlan]:
    """``lowered`` with stages unrolled, which ``stages`` chooses for its graph with all padding
    inside the windows; the same integers, on golden vectors.

    A part in the middle of a map has no padding above and below, which the file's operators only
    have on all sides: its columns are padded by a node before it. Raises ``UnsupportedOp`` for
    average pooling with padding, which counts what lies inside the map.
    """
    name = lowered.board.name
    graph = apply(lowered.graph, fuse_pad)
    graph = apply(graph, lambda whole: unrolled(whole, stages(whole), MOST_JOINED))
    graph = apply(graph, lambda whole: split_borders(whole, name))
    return replace(lowered, graph=verify(graph))
