"""Wall time of a model and of its layers.

LiteRT has no profile of single operators in Python, so each layer is written into a file of its
own and timed by ``invoke()`` inside the runtime's process. That call costs about half a
microsecond, which is in every layer's figure; and a layer alone finds its data in the cache and
shares no thread pool, so that the layers need not add up to the model, which is timed for itself.
TFLM is timed as a whole only.
"""

from __future__ import annotations

import numpy as np

from hwkit.ir.counts import macs
from hwkit.ir.ops import Op, activations
from hwkit.ir.types import Array
from hwkit.target import WHOLE_MODEL, LayerTiming, Lowered
from hwkit.targets.edge.emit import single_layers
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.runtimes import session

_SEED = 0


def profile(
    lowered: Lowered[EdgePlan], model: bytes, x: Array, repeats: int
) -> list[list[LayerTiming]]:
    """``repeats`` runs: a row for each layer, and one of index ``WHOLE_MODEL`` for all of it.

    ``us`` of a layer is None where the runtime gives none.
    """
    graph = lowered.graph
    board = lowered.board.edge
    assert board is not None
    whole = session(board, model).times_us([x[:1].astype(np.int8)], repeats)
    columns: list[list[float] | list[None]] = [whole]
    rows = [
        LayerTiming(WHOLE_MODEL, graph.name, "Model", sum(macs(graph, op) for op in graph.nodes))
    ]
    index = {op.name: place for place, op in enumerate(graph.nodes)}
    for op, alone in single_layers(graph):
        rows.append(LayerTiming(index[op.name], op.name, type(op).__name__, macs(graph, op)))
        if board.runtime != "tflm":
            columns.append(session(board, alone).times_us(_random_inputs(lowered, op), repeats))
        else:
            columns.append([None] * repeats)
    return [
        [
            LayerTiming(row.index, row.name, row.op, row.macs, us=column[k])
            for row, column in zip(rows, columns, strict=True)
        ]
        for k in range(repeats)
    ]


def _random_inputs(lowered: Lowered[EdgePlan], op: Op) -> list[Array]:
    rng = np.random.default_rng(_SEED)
    names = dict.fromkeys(activations(op))
    shapes = [lowered.graph.tensors[name].shape for name in names]
    return [rng.integers(-128, 128, (1, *shape)).astype(np.int8) for shape in shapes]
