"""Random inputs: what is run where a user gives none."""

from __future__ import annotations

import numpy as np

from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.ir.verify import MAX_ELEMENTS


def random_feeds(graph: Graph, samples: int, seed: int) -> dict[str, Array]:
    """Uniform integers over the whole range of every input, (samples, *shape) each.

    ``ConfigError`` for more than ``MAX_ELEMENTS`` of them, in any input or output.
    """
    border = (*graph.inputs, *graph.outputs)
    largest = max(graph.tensors[name].elements for name in border)
    if samples * largest > MAX_ELEMENTS:
        raise ConfigError(
            f"{samples} inputs of {graph.name} do not fit in memory; "
            f"at most {MAX_ELEMENTS // largest} at once"
        )
    rng = np.random.default_rng(seed)
    feeds = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        x = rng.integers(tensor.dtype.low, tensor.dtype.high + 1, (samples, *tensor.shape))
        feeds[name] = x.astype(tensor.dtype.container)
    return feeds
