"""Rescales to 32 bits, as kernels have them: behind a whole sum, by themselves.

A network whose last layer has a float bias but no quantizer ends in such a rescale (its logits on
a grid fine enough for the bias), and an average of unquantized sums has one in its middle.
"""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Op, Requantize, Rescale, Rounding
from hwkit.ir.types import S32, TensorType
from hwkit.ir.verify import Accumulating
from hwkit.lower.fresh import fresh
from hwkit.targets.mcu.bounds import largest_sum

_SAME = Rescale((1,), (0,), Rounding.FLOOR, S32.low, S32.high)


def wide_apart(graph: Graph) -> Graph:
    """Every rescale to 32 bits in a ``Requantize`` of its own, so is a clamp of 32-bit integers,
    and both inputs of a sum of 32-bit integers have 32 bits. Exact.

    Sums that may leave 32 bits stay as they are: no kernel computes them. Example:
    ``dense(rescale to s32)`` becomes ``dense -> requantize``.
    """
    tensors = dict(graph.tensors)
    nodes: list[Op] = []
    for op in graph.nodes:
        wide = tensors[op.output].dtype == S32
        if isinstance(op, Clamp) and wide:
            r = replace(_SAME, low=op.low, high=op.high)
            op = Requantize(op.name, op.input, op.output, r)
        elif isinstance(op, Accumulating) and wide and op.rescale and _fits(graph, op):
            output, r = op.output, op.rescale
            total = _added(f"{op.name}.sum", tensors[output], tensors)
            op = replace(op, rescale=None, accumulator_bits=S32.bits, output=total)
            nodes += [*_widened(op, tensors), Requantize(f"{op.name}.rescale", total, output, r)]
            continue
        nodes += _widened(op, tensors)
    return graph.with_nodes(tuple(nodes), tensors)


def _fits(graph: Graph, op: Accumulating) -> bool:
    return op.accumulator_bits <= S32.bits or largest_sum(graph, op) <= S32.high


def _widened(op: Op, tensors: dict[str, TensorType]) -> list[Op]:
    """``op``; before it what widens an input of 8 bits that is added to one of 32."""
    if not isinstance(op, Add) or S32 not in [tensors[name].dtype for name in op.inputs]:
        return [op]
    before: list[Op] = []
    names = list(op.inputs)
    for side, name in enumerate(names):
        if tensors[name].dtype != S32:
            names[side] = _added(f"{op.name}.wide{side}", tensors[name], tensors)
            before.append(Requantize(names[side], name, names[side], _SAME))
    return [*before, replace(op, inputs=(names[0], names[1]))]


def _added(wish: str, like: TensorType, tensors: dict[str, TensorType]) -> str:
    """A 32-bit tensor of the shape of ``like``; its name."""
    name = fresh(wish, tensors)
    tensors[name] = TensorType(like.shape, S32)
    return name
