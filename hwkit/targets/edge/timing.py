"""Wall time of a model and of its layers.

LiteRT has no profile of single operators in Python, so each layer is written into a file of its
own and timed by ``invoke()`` inside the runtime's process. That call costs about half a
microsecond, which is in every layer's figure; and a layer alone finds its data in the cache and
shares no thread pool, so that the layers need not add up to the model, which is timed for itself.
A runtime whose layers are not timed (``Runtime.times_layers``), and a file that is not hwkit's own,
are timed as a whole only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwkit.boards import EdgeBoard
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.ir.types import Array
from hwkit.target import WHOLE_MODEL, LayerTiming
from hwkit.targets.edge.emit import has_functions, single_layers
from hwkit.targets.edge.loaded import load, runtime_called

Column = tuple[LayerTiming, list[float] | list[None]]
"""A row without a time, and the microseconds of each inference: None where there are none."""

_SEED = 0


def whole_row(graph: Graph) -> LayerTiming:
    """The row of all layers together, without a time."""
    work = sum(macs(graph, op) for op in graph.nodes)
    return LayerTiming(WHOLE_MODEL, graph.name, "Model", work)


def layer_columns(graph: Graph, board: EdgeBoard, repeats: int, warm_up: int) -> list[Column]:
    """Each layer of a lowered graph in a file of its own, ``repeats`` inferences of random
    inputs."""
    timed = runtime_called(board.runtime).times_layers
    columns: list[Column] = []
    index = {op.name: place for place, op in enumerate(graph.nodes)}
    for op, alone in single_layers(graph, has_functions(board)):
        row = LayerTiming(index[op.name], op.name, type(op).__name__, macs(graph, op))
        times: list[float] | list[None] = [None] * repeats
        if timed:
            times = load(board, alone).times_us(_random_inputs(graph, op), repeats, warm_up)
        columns.append((row, times))
    return columns


def rows(columns: Sequence[Column], repeats: int) -> list[list[LayerTiming]]:
    """The columns as one list of rows for each of ``repeats`` inferences."""
    return [
        [LayerTiming(row.index, row.name, row.op, row.macs, us=times[k]) for row, times in columns]
        for k in range(repeats)
    ]


def _random_inputs(graph: Graph, op: Op) -> list[Array]:
    rng = np.random.default_rng(_SEED)
    names = dict.fromkeys(activations(op))
    tensors = [graph.tensors[name] for name in names]
    return [
        rng.integers(t.dtype.low, t.dtype.high + 1, (1, *t.shape)).astype(t.dtype.container)
        for t in tensors
    ]
