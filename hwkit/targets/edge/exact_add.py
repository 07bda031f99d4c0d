"""Adds whose rounding XNNPACK's own add lacks become depthwise convolutions, which have it.

XNNPACK adds with one rounding half up; its convolutions round half to even, as training does.
Two maps of one size, one above the other, under a kernel of two rows that are a map's height
apart: that convolution is their sum.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Concat, DepthwiseConv2d, Op, Rescale, Rounding
from hwkit.ir.types import S8, S32, Quantization
from hwkit.targets.edge.scales import ratio


def add_as_depthwise(graph: Graph) -> Graph:
    """The graph with adds of maps that round half to even, and weigh their inputs by integers of
    1..127, as a ``Concat`` and a ``DepthwiseConv2d``. Exact.

    Example: ``round(a + 2 b)`` of (4, 4, 8) maps: weights 1 and 2, kernel (2, 1), dilation (4, 1).
    """
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    nodes: list[Op] = []
    for op in graph.nodes:
        factors = _integer_factors(op) if isinstance(op, Add) else None
        if not isinstance(op, Add) or factors is None or len(tensors[op.output].shape) != 3:
            nodes.append(op)
            continue
        height, width, channels = tensors[op.output].shape
        both, weight, bias = f"{op.name}/both", f"{op.name}/factors", f"{op.name}/offset"
        # The integers keep their values; only one zero point can be subtracted from both.
        zero_point = op.input_zero_points[0]
        offset = factors[1] * (zero_point - op.input_zero_points[1])
        source = tensors[op.inputs[0]]
        scale = source.quantization.scale if source.quantization else (1.0,)
        facts = Quantization(scale, zero_point)
        tensors[both] = replace(source, shape=(2 * height, width, channels), quantization=facts)
        constants[weight] = np.broadcast_to(
            np.array(factors, np.int8).reshape(1, 2, 1, 1), (1, 2, 1, channels)
        )
        tensors[weight] = replace(source, shape=(1, 2, 1, channels), dtype=S8, quantization=None)
        constants[bias] = np.full(channels, offset, np.int32)
        tensors[bias] = replace(source, shape=(channels,), dtype=S32, quantization=None)
        nodes.append(Concat(f"{op.name}/concat", op.inputs, both, 0))
        nodes.append(
            DepthwiseConv2d(
                name=op.name,
                input=both,
                weight=weight,
                bias=bias,
                output=op.output,
                dilation=(height, 1),
                input_zero_point=zero_point,
                rescale=op.rescale,
            )
        )
    return graph.with_nodes(tuple(nodes), tensors, constants)


def _integer_factors(op: Add) -> tuple[int, int] | None:
    """The integers that ``op`` multiplies its inputs by before it rounds half to even, or None."""
    if op.rescale is None or op.rescale.rounding not in (Rounding.HALF_EVEN, Rounding.FLOAT32):
        return None
    factors = [_integer(r) for r in op.input_rescales]
    first, second = factors
    return None if first is None or second is None else (first, second)


def _integer(r: Rescale | None) -> int | None:
    if r is None:
        return 1
    factor = ratio(r)
    wide = r.low <= -256 * factor and r.high >= 256 * factor and r.zero_point == 0
    return int(factor) if wide and factor == int(factor) and 1 <= factor <= S8.high else None
