"""Images as a network's integers, and how many of them it tells."""

from __future__ import annotations

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.train.freeze import input_integers

_BATCH = 100


def as_integers(graph: Graph, images: Array) -> Array:
    """(N, C, H, W) in 0..1 as ``graph`` reads them: (N, H, W, C)."""
    return input_integers(graph, images)


def accuracy(graph: Graph, x: Array, y: Array) -> float:
    """The share of inputs whose largest output is their class, in percent."""
    (name,), (output,) = graph.inputs, graph.outputs
    right = 0
    for k in range(0, len(x), _BATCH):
        scores = run(graph, {name: x[k : k + _BATCH]})[output].reshape(len(x[k : k + _BATCH]), -1)
        right += int(np.sum(scores.argmax(1) == y[k : k + _BATCH]))
    return 100 * right / len(x)
