"""How many bytes a layer loads and stores of each tensor: what decides which of them lie where
memory is fast. An estimate from the layer's shape, the same for all of its kernels.

A kernel with scratch gathers the window of each output position there, and multiplies from there;
one without multiplies from its input. What is loaded to be multiplied serves two output channels.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import AvgPool2d, DepthwiseConv2d, MatMul, MaxPool2d, Op, SumPool2d, activations
from hwkit.ir.traits import Weighted
from hwkit.lower.schedule import scratch_name

_CHANNELS_AT_ONCE = 2


def accesses(graph: Graph, op: Op, stored: Mapping[str, int], scratch_bytes: int) -> dict[str, int]:
    """Bytes by tensor, and by ``scratch_name`` where there is any, of an inference: all of it, also
    where the layer is computed in parts. ``stored`` has the bytes of each whole tensor.

    Example: a convolution of (8, 8, 4) by 3x3 to 8 channels with scratch, 18,432
    multiplications: 2,304 bytes of its input and 512 of its output, 2,304 + 9,216 of scratch.
    """
    found = {name: stored[name] for name in (*activations(op), op.output)}
    multiplied = macs(graph, op)
    scratch = 0
    if isinstance(op, DepthwiseConv2d):
        found[op.input] = _bytes(graph, stored, op.input, multiplied)
        scratch = found[op.input]
    elif isinstance(op, Weighted):
        loaded = multiplied // _CHANNELS_AT_ONCE
        gathered = multiplied // graph.tensors[op.output].shape[-1]
        found[op.input] = _bytes(graph, stored, op.input, gathered if scratch_bytes else loaded)
        scratch = gathered + loaded
    elif isinstance(op, MatMul):
        for name in op.inputs:
            found[name] = _bytes(graph, stored, name, multiplied // _CHANNELS_AT_ONCE)
        scratch = multiplied // _CHANNELS_AT_ONCE
    elif isinstance(op, SumPool2d | AvgPool2d | MaxPool2d):
        read = graph.tensors[op.output].elements * op.kernel[0] * op.kernel[1]
        found[op.input] = _bytes(graph, stored, op.input, read)
    if scratch_bytes:
        found[scratch_name(op)] = scratch or 2 * found[op.output]
    return found


def _bytes(graph: Graph, stored: Mapping[str, int], name: str, elements: int) -> int:
    return elements * stored[name] // max(graph.tensors[name].elements, 1)
