"""Wall time of a model and of its layers.

LiteRT has no profile of single operators in Python, so each layer is written into a file of its
own and timed by ``invoke()`` inside the runtime's process. That call costs some half a microsecond
by itself, which a model pays once: it is timed with a file that computes next to nothing, taken off
every layer, and stands in a row of its own. It was the gap between the layers' sum and the model, 3
to 142 %; 2.2 % are left at the most (``benchmarks/profile_gap.py``). The model is timed for itself
too. A runtime whose layers are not timed (``Runtime.times_layers``), and a file that is not hwkit's
own, are timed as a whole only.

XNNPACK makes a PAD the border of the convolution behind it: these are timed together, in the row of
the convolution, and the PAD takes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from hwkit.boards import EdgeBoard
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, DepthwiseConv2d, Op, Pad, activations
from hwkit.ir.types import Array
from hwkit.profile.statistics import median
from hwkit.target import CALL, CALL_NAME, WHOLE_MODEL, LayerTiming
from hwkit.targets.edge.emit import chain, has_functions, single_layers
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from hwkit.targets.edge.loaded import Loaded, load, runtime_called

Column = tuple[LayerTiming, list[float] | list[None]]
"""A row without a time, and the microseconds of each inference: None where there are none."""

_SEED = 0


def whole_row(graph: Graph) -> LayerTiming:
    """The row of all layers together, without a time."""
    work = sum(macs(graph, op) for op in graph.nodes)
    return LayerTiming(WHOLE_MODEL, graph.name, "Model", work)


def empty_model() -> bytes:
    """A .tflite that XNNPACK takes, of one integer that keeps its value: RESHAPE to the same."""
    x, y = (FileTensor(name, (1, 1), "int8", (1.0,)) for name in "xy")
    shape = FileTensor("shape", (2,), "int32", data=np.array([1, 1], np.int32))
    reshape = FileOperator(
        "RESHAPE", ("x", "shape"), ("y",), "ReshapeOptions", {"newShape": [1, 1]}
    )
    return write(FileModel("call", (x, y, shape), (reshape,), ("x",), ("y",)))


def call_times(board: EdgeBoard, repeats: int, warm_up: int = 1) -> list[float]:
    """Microseconds of ``repeats`` calls that compute next to nothing."""
    return load(board, empty_model()).times_us([np.zeros((1, 1, 1), np.int8)], repeats, warm_up)


def layer_columns(graph: Graph, board: EdgeBoard, repeats: int, warm_up: int) -> list[Column]:
    """A call of the runtime, and each layer of a lowered graph in a file of its own without it,
    ``repeats`` inferences of random inputs; where layers are not timed there is no call."""
    timed = runtime_called(board.runtime).times_layers
    columns: list[Column] = []
    call = 0.0
    if timed:
        calls = call_times(board, repeats, warm_up)
        call = median(calls)
        columns.append((LayerTiming(CALL, CALL_NAME, "Call", 0), calls))
    index = {op.name: place for place, op in enumerate(graph.nodes)}
    for ops, model in timed_parts(graph, board):
        times: list[float] | list[None] = [None] * repeats
        if timed:
            inputs = random_inputs(graph, ops[0])
            times = times_beyond(call, load(board, model), inputs, repeats, warm_up)
        for op in ops:
            row = LayerTiming(index[op.name], op.name, type(op).__name__, macs(graph, op))
            columns.append((row, times if op is ops[-1] or not timed else [0.0] * repeats))
    return columns


def times_beyond(
    call: float, loaded: Loaded, inputs: Sequence[Array], repeats: int, warm_up: int
) -> list[float]:
    """Microseconds of each of ``repeats`` inferences beyond the ``call``, at least 0."""
    times = loaded.times_us(inputs, repeats, warm_up)
    return [max(us - call, 0.0) for us in times]


def timed_parts(graph: Graph, board: EdgeBoard) -> Iterator[tuple[tuple[Op, ...], bytes]]:
    """What of a lowered graph is timed alone, and a .tflite of it: an op, or a convolution behind
    the ``Pad`` that the runtime makes its border."""
    functions = has_functions(board)
    fused: dict[str, Pad] = {}
    if runtime_called(board.runtime).fuses_pads:
        read = Counter(name for op in graph.nodes for name in dict.fromkeys(activations(op)))
        read.update(graph.outputs)
        fused = {
            op.output: op for op in graph.nodes if isinstance(op, Pad) and read[op.output] == 1
        }
    windows = [op for op in graph.nodes if isinstance(op, Conv2d | DepthwiseConv2d)]
    fused = {op.name: fused[op.input] for op in windows if op.input in fused}
    borders = {pad.name for pad in fused.values()}
    for op, alone in single_layers(graph, functions):
        if op.name in fused:
            ops = (fused[op.name], op)
            yield ops, chain(graph, ops, functions)
        elif op.name not in borders:
            yield (op,), alone


def rows(columns: Sequence[Column], repeats: int) -> list[list[LayerTiming]]:
    """The columns as one list of rows for each of ``repeats`` inferences."""
    return [
        [LayerTiming(row.index, row.name, row.op, row.macs, us=times[k]) for row, times in columns]
        for k in range(repeats)
    ]


def random_inputs(graph: Graph, op: Op) -> list[Array]:
    """One sample for each activation that ``op`` reads, the same each time."""
    rng = np.random.default_rng(_SEED)
    names = dict.fromkeys(activations(op))
    tensors = [graph.tensors[name] for name in names]
    return [
        rng.integers(t.dtype.low, t.dtype.high + 1, (1, *t.shape)).astype(t.dtype.container)
        for t in tensors
    ]
