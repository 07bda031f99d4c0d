"""Adds whose rounding a runtime's own add lacks become depthwise convolutions, which have it.

XNNPACK adds with one rounding half up; its convolutions round half to even, as training does. And
convolutions have a bias, which takes what an add has no place for: an offset. Two maps of one size,
one above the other, under a kernel of two rows that are a map's height apart: that convolution is
their sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Concat, DepthwiseConv2d, Op, Rescale, Reshape, Rounding
from hwkit.ir.types import S8, S32, Array, Quantization, Shape, TensorType
from hwkit.targets.edge.scales import ratio


def add_as_depthwise(graph: Graph, lacking: tuple[Rounding, ...]) -> Graph:
    """The graph with adds that weigh their inputs by integers of 1..127, and round as ``lacking``
    says or have an offset or channels, as a ``Concat`` and a ``DepthwiseConv2d``. Exact.

    A vector is added under the shape (1, 1, C).
    Example: ``round(a + 2 b)`` of (4, 4, 8) maps: weights 1 and 2, kernel (2, 1), dilation (4, 1).
    """
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    nodes: list[Op] = []
    for op in graph.nodes:
        factors = None
        narrow = tensors[op.output].dtype.bits <= S8.bits
        if isinstance(op, Add) and narrow and _is_lacking(op.rescale, lacking):
            factors = _integer_factors(op, tensors)
        if isinstance(op, Add) and factors is not None:
            nodes += _depthwise(op, factors, tensors, constants)
        else:
            nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors, constants)


def _is_lacking(r: Rescale | None, lacking: tuple[Rounding, ...]) -> bool:
    return r is not None and (r.rounding in lacking or any(r.offset) or r.channels > 1)


def _depthwise(
    op: Add,
    factors: tuple[int, int],
    tensors: dict[str, TensorType],
    constants: dict[str, Array],
) -> Iterator[Op]:
    shape = tensors[op.output].shape
    height, width, channels = as_map = _map(shape)
    inputs, output = list(op.inputs), op.output
    if as_map != shape:
        for k, name in enumerate(op.inputs):
            inputs[k] = f"{op.name}/map{k}"
            tensors[inputs[k]] = replace(tensors[name], shape=as_map)
            yield Reshape(f"{op.name}/to_map{k}", name, inputs[k])
        output = f"{op.name}/added"
        tensors[output] = replace(tensors[op.output], shape=as_map)
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
    yield Concat(f"{op.name}/concat", tuple(inputs), both, 0)
    yield DepthwiseConv2d(
        name=op.name,
        input=both,
        weight=weight,
        bias=bias,
        output=output,
        dilation=(height, 1),
        input_zero_point=zero_point,
        rescale=op.rescale,
    )
    if as_map != shape:
        yield Reshape(f"{op.name}/from_map", output, op.output)


def _map(shape: Shape) -> tuple[int, int, int]:
    """Where the last axis is the channels: a map as it is, all else one row below the other."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return prod(shape[:-1]), 1, shape[-1]


def _integer_factors(op: Add, tensors: Mapping[str, TensorType]) -> tuple[int, int] | None:
    """The integers that ``op`` multiplies its inputs by before it rounds their sum, or None."""
    if len({tensors[name].shape for name in op.inputs}) > 1:
        return None
    factors = [_integer(r) for r in op.input_rescales]
    first, second = factors
    return None if first is None or second is None else (first, second)


def _integer(r: Rescale | None) -> int | None:
    if r is None:
        return 1
    factor = ratio(r)
    if any(r.offset) or r.channels > 1:
        return None
    wide = r.low <= -256 * factor and r.high >= 256 * factor and r.zero_point == 0
    return int(factor) if wide and factor == int(factor) and 1 <= factor <= S8.high else None
