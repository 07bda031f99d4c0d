"""Changes of scale that a runtime's own operator computes as the graph does.

TFLM's QUANTIZE, RELU and MEAN round twice, with a multiplier that they derive from the scales in
the file. A graph that came from such a file can go back into these very operators; all else takes
a convolution, whose weight scale is free.
"""

from __future__ import annotations

from hwkit.ir.graph import Graph
from hwkit.ir.ops import NO_PADDING, Requantize, Rescale, SumPool2d
from hwkit.ir.tflite import double_rescale, mean_rescale
from hwkit.ir.types import S8
from hwkit.targets.edge.runtime import Arithmetic


def is_native(graph: Graph, op: Requantize | SumPool2d, runtime: Arithmetic) -> bool:
    """Whether ``runtime`` derives this very rescale from the scales that the tensors state."""
    source, output = graph.tensors[op.input], graph.tensors[op.output]
    if (
        not runtime.native_rescales
        or op.rescale is None
        or source.dtype != S8
        or output.dtype != S8
    ):
        return False
    if isinstance(op, SumPool2d) and mean_axes(op, source.shape) is None:
        return False
    if source.quantization is None or output.quantization is None:
        return False
    if len(source.quantization.scale) != 1 or len(output.quantization.scale) != 1:
        return False
    try:
        derived = derived_rescale(op, source.quantization.scale[0], output.quantization.scale[0])
    except ValueError:
        return False
    return derived == op.rescale


def derived_rescale(op: Requantize | SumPool2d, source: float, output: float) -> Rescale:
    """What TFLM makes of the two scales; ``ValueError`` where it makes nothing of them."""
    r = op.rescale
    assert r is not None
    if isinstance(op, Requantize):
        return double_rescale([source / output], r.zero_point, r.low, r.high)
    count = op.kernel[0] * op.kernel[1]
    return mean_rescale(source / output, count, r.zero_point, r.low, r.high)


def mean_axes(op: SumPool2d, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes of (batch, H, W, C) over which ``op`` takes a mean, or None for other pools."""
    if op.padding != NO_PADDING or op.stride != (1, 1):
        return None
    axes = tuple(axis for axis in (1, 2) if op.kernel[axis - 1] > 1)
    whole = all(op.kernel[axis - 1] == shape[axis - 1] for axis in axes)
    return axes if axes and whole else None
