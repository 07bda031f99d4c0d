"""A PReLU of one slope is a function of one integer, and so a table."""

from __future__ import annotations

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Lookup, Op, Prelu, Rounding
from hwkit.ir.types import Array, IntType, TensorType


def prelu_to_table(graph: Graph, kept: Rounding) -> Graph:
    """Every ``Prelu`` of one slope and no channels as a ``Lookup``, but for those that round as
    ``kept`` says and have one range and zero point, as a kernel has them. Exact.

    Example: slope 1, halved below zero, of s4: -8..7 become -4, -4, -3, -3, ..., 0, 0, 1, ..., 7.
    """
    nodes: list[Op] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for op in graph.nodes:
        if isinstance(op, Prelu) and _is_function(op, constants) and not _is_kernel(op, kept):
            table, output = f"{op.name}/table", tensors[op.output].dtype
            values = _table(op, tensors[op.input].dtype, int(constants[op.slope].item()))
            constants[table] = values.astype(output.container)
            tensors[table] = TensorType(values.shape, output)
            nodes.append(Lookup(op.name, op.input, table, op.output))
        else:
            nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors, constants)


def _is_function(op: Prelu, constants: dict[str, Array]) -> bool:
    channels = max(op.positive.channels, op.negative.channels)
    return constants[op.slope].size == 1 and channels == 1


def _is_kernel(op: Prelu, kept: Rounding) -> bool:
    first, second = op.positive, op.negative
    return first.rounding == second.rounding == kept and (
        (first.low, first.high, first.zero_point) == (second.low, second.high, second.zero_point)
    )


def _table(op: Prelu, source: IntType, slope: int) -> Array:
    centred = np.arange(source.low, source.high + 1, dtype=np.int64) - op.input_zero_point
    rising = rescale(np.maximum(centred, 0), op.positive, op.name)
    steeper = np.minimum(centred, 0) * (slope - op.slope_zero_point)
    return np.where(centred >= 0, rising, rescale(steeper, op.negative, op.name))
