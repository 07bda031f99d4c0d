"""What a few nodes of a graph compute, by themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Op
from hwkit.ir.types import Array, TensorType


def evaluated(
    nodes: tuple[Op, ...],
    tensors: Mapping[str, TensorType],
    constants: Mapping[str, Array],
    feeds: Mapping[str, Array],
) -> Array:
    """What ``nodes`` give for one sample; the interpreter computes it."""
    result = nodes[-1].output
    graph = Graph("part", nodes, tensors, constants, tuple(feeds), (result,))
    value: Array = run(graph, {name: x[np.newaxis] for name, x in feeds.items()})[result][0]
    return value
