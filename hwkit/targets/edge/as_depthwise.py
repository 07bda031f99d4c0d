"""Sums over windows and changes of scale become depthwise convolutions with weights of one; a
change of scale that these would round otherwise becomes a table.

The weight's scale is free there, so that any multiplier, per channel too, has an exact place in
the file; AVERAGE_POOL_2D divides by the window and rounds by itself, and QUANTIZE is held to the
ratio of two activation scales (in XNNPACK to eight bits of it).
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.graph import Graph
from hwkit.ir.ops import DepthwiseConv2d, Lookup, Op, Requantize, Reshape, Rounding, SumPool2d
from hwkit.ir.types import S8, Array, TensorType
from hwkit.targets.edge.native import is_native, mean_axes
from hwkit.targets.edge.runtime import Arithmetic, Products
from hwkit.targets.edge.scales import is_wide
from hwkit.targets.edge.sixteen import is_sixteen


def as_depthwise(graph: Graph, target: str, runtime: Arithmetic) -> Graph:
    """The graph without the ``SumPool2d`` and ``Requantize`` that ``runtime`` has no operator for.
    Exact.

    A vector is convolved under the shape (1, 1, C). Raises ``UnsupportedOp`` for a requantize
    of an accumulator that other ops read as well.
    """
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    nodes: list[Op] = []
    for op in graph.nodes:
        if isinstance(op, SumPool2d | Requantize) and (
            is_native(graph, op, runtime) or is_wide(graph, op) or _keeps_its_scale(graph, op)
        ):
            nodes.append(op)
        elif isinstance(op, SumPool2d):
            weight = _ones(op.name, (*op.kernel, tensors[op.input].shape[2]), tensors, constants)
            nodes.append(
                DepthwiseConv2d(
                    name=op.name,
                    input=op.input,
                    weight=weight,
                    bias=None,
                    output=op.output,
                    stride=op.stride,
                    padding=op.padding,
                    input_zero_point=op.input_zero_point,
                    accumulator_bits=op.accumulator_bits,
                    rescale=op.rescale,
                )
            )
        elif isinstance(op, Requantize):
            if _is_float32(op, runtime) or op.rescale.channels > 1:
                nodes += _requantize(op, tensors, constants)
            else:
                nodes.append(_table(op, tensors, constants))
        else:
            nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors, constants)


def _keeps_its_scale(graph: Graph, op: Requantize | SumPool2d) -> bool:
    """Whether ``op`` has 16-bit integers and an operator that rescales by the scales alone."""
    mean = isinstance(op, SumPool2d) and mean_axes(op, graph.tensors[op.input].shape)
    return is_sixteen(graph, op) and (isinstance(op, Requantize) or bool(mean))


def _is_float32(op: Requantize, runtime: Arithmetic) -> bool:
    """Whether XNNPACK's convolutions round as ``op`` does."""
    half_even = op.rescale.rounding in (Rounding.FLOAT32, Rounding.HALF_EVEN)
    return runtime.products is Products.XNNPACK and half_even and not any(op.rescale.offset)


def _table(op: Requantize, tensors: dict[str, TensorType], constants: dict[str, Array]) -> Lookup:
    """A change of scale of 8 bits as a table, which every runtime reads exactly."""
    name = f"{op.name}/table"
    values = np.arange(S8.low, S8.high + 1) - op.input_zero_point
    constants[name] = rescale(values, op.rescale, op.name).astype(np.int8)
    tensors[name] = TensorType((len(values),), S8)
    return Lookup(op.name, op.input, name, op.output)


def _requantize(
    op: Requantize, tensors: dict[str, TensorType], constants: dict[str, Array]
) -> list[Op]:
    shape = tensors[op.input].shape
    weight = _ones(op.name, (1, 1, shape[-1]), tensors, constants)
    conv = DepthwiseConv2d(
        name=op.name,
        input=op.input,
        weight=weight,
        bias=None,
        output=op.output,
        input_zero_point=op.input_zero_point,
        rescale=op.rescale,
    )
    if len(shape) == 3:
        return [conv]
    as_map = (prod(shape[:-1]), 1, shape[-1])
    before, after = f"{op.name}/map", f"{op.name}/requantized"
    tensors[before] = replace(tensors[op.input], shape=as_map)
    tensors[after] = replace(tensors[op.output], shape=as_map)
    return [
        Reshape(f"{op.name}/to_map", op.input, before),
        replace(conv, input=before, output=after),
        Reshape(f"{op.name}/from_map", after, op.output),
    ]


def _ones(
    node: str,
    shape: tuple[int, ...],
    tensors: dict[str, TensorType],
    constants: dict[str, Array],
) -> str:
    name = f"{node}/ones"
    constants[name] = np.ones((1, *shape), np.int8)
    tensors[name] = TensorType((1, *shape), S8)
    return name
