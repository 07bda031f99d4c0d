"""Offsets of rescales and the biases in front of them: whole steps exactly, the rest by rounding.

A bias counts in steps of the sum, an offset in ``multiplier`` parts of one. So a bias of 1 and an
offset of ``multiplier`` are the same, and a runtime whose rescale has no offset gets its bias
rounded, half up.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.exact import bound
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Op, Rescale, rescales
from hwkit.ir.types import S32, Array, TensorType
from hwkit.lower.fresh import fresh


def whole_steps_to_bias(graph: Graph) -> Graph:
    """Every offset of a layer with a bias brought into ``0..multiplier - 1``; exact.

    A layer without a bias gets one. Example: bias 3, multiplier 4, offset 10 becomes bias 5,
    offset 2. Left as they are: offsets behind a ``left_shift``, and those whose steps could take a
    sum out of 32 bits.
    """
    return _rewritten(graph, rounds=False)


def rounded_to_bias(graph: Graph, target: str) -> tuple[Graph, tuple[str, ...]]:
    """No offsets: those of layers rounded into their biases. The names of the nodes that moved
    integers may have. ``UnsupportedOp`` for an offset of an op that has no bias.

    Example: bias 3, multiplier 4, offset 10 becomes bias 6 (5.5 rounded half up).
    """
    rounded = _rewritten(graph, rounds=True)
    moved = []
    for old, op in zip(graph.nodes, rounded.nodes, strict=True):
        if any(any(r.offset) for r in rescales(op)):
            raise UnsupportedOp(
                op.name,
                target,
                "its rescale has an offset that no bias can take; quantize its bias",
            )
        if old != op and not _on_grid(old):
            moved.append(op.name)
    return rounded, tuple(moved)


def _on_grid(op: Op) -> bool:
    """Whether every offset is a whole number of steps, so that rounding it is exact."""
    return all(
        m != 0 and o % m == 0
        for r in rescales(op)
        for m, o in zip(*np.broadcast_arrays(r.multiplier, r.offset), strict=True)
    )


def _steps(r: Rescale, outputs: int) -> tuple[Array, Array, Array]:
    """Whole steps of the sum in each output's offset, what is left of it, and the multiplier."""
    multiplier = np.broadcast_to(np.array(r.multiplier, np.int64), outputs)
    offset = np.broadcast_to(np.array(r.offset, np.int64), outputs)
    steps = np.where(multiplier > 0, offset // np.maximum(multiplier, 1), 0)
    return steps, offset - steps * multiplier, multiplier


def _rewritten(graph: Graph, rounds: bool) -> Graph:
    nodes: list[Op] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for op in graph.nodes:
        nodes.append(_moved(op, rounds, tensors, constants))
    return graph.with_nodes(tuple(nodes), tensors, constants)


def _moved(op: Op, rounds: bool, tensors: dict[str, TensorType], constants: dict[str, Array]) -> Op:
    """``op`` with its offset moved; its new bias is added to ``tensors`` and ``constants``."""
    if not isinstance(op, Conv2d | DepthwiseConv2d | Dense):
        return op
    r = op.rescale
    if r is None or not any(r.offset) or r.left_shift:
        return op
    outputs = tensors[op.output].shape[-1]
    steps, rest, multiplier = _steps(r, outputs)
    if rounds:
        steps, rest = steps + (2 * rest >= np.maximum(multiplier, 1)), np.zeros_like(rest)
    bias = steps + (0 if op.bias is None else constants[op.bias].astype(np.int64))
    if np.abs(bias).max() + _largest_product_sum(op, tensors, constants) > S32.high:
        return op
    name = fresh(f"{op.name}.bias", tensors)
    tensors[name] = TensorType((outputs,), S32)
    constants[name] = bias.astype(S32.container)
    return replace(op, bias=name, rescale=replace(r, offset=_offset(rest)))


def _largest_product_sum(
    op: Conv2d | DepthwiseConv2d | Dense,
    tensors: dict[str, TensorType],
    constants: dict[str, Array],
) -> int:
    dtype, zero = tensors[op.input].dtype, op.input_zero_point
    weight = constants[op.weight]
    outputs_first = np.moveaxis(weight, -1, 0) if isinstance(op, DepthwiseConv2d) else weight
    return int(bound(outputs_first, max(dtype.high - zero, zero - dtype.low)).max())


def _offset(rest: Array) -> tuple[int, ...]:
    values = tuple(int(v) for v in rest)
    return values[:1] if len(set(values)) == 1 else values
