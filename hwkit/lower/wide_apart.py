"""Ops on 32-bit integers in few forms: whole sums, and rescales by themselves between them.

A network whose last layer has a float bias but no quantizer ends in a rescale to 32 bits (its
logits on a grid fine enough for the bias), and an average of unquantized sums has one in its
middle. Targets then have a kernel for each form instead of one for each op.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeGuard

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Op, Requantize, Rescale, Rounding, activations
from hwkit.ir.traits import Accumulating
from hwkit.ir.types import S32, TensorType
from hwkit.lower.fresh import fresh

_SAME = Rescale((1,), (0,), Rounding.FLOOR, S32.low, S32.high)


def wide_apart(graph: Graph, also: Callable[[Graph, Add], bool] = lambda graph, op: False) -> Graph:
    """Every rescale to or of 32-bit integers in a ``Requantize`` of its own. Exact.

    So is a clamp of 32-bit integers, and both inputs of a sum of 32-bit integers have 32 bits.
    ``also`` names sums of 8-bit integers that a target has no other form for. Left as they are:
    sums of accumulators wider than 32 bits. Example: ``dense(rescale to s32)`` becomes ``dense ->
    requantize``.
    """
    return _Apart(graph, also).result()


class _Apart:
    def __init__(self, graph: Graph, also: Callable[[Graph, Add], bool]) -> None:
        self.graph, self.also = graph, also
        self.tensors = dict(graph.tensors)
        self.nodes: list[Op] = []

    def result(self) -> Graph:
        for op in self.graph.nodes:
            is_wide = S32 in [self.tensors[name].dtype for name in (*activations(op), op.output)]
            if is_wide and isinstance(op, Clamp):
                r = replace(_SAME, low=op.low, high=op.high)
                self.nodes.append(Requantize(op.name, op.input, op.output, r))
            elif self.is_apart(op, is_wide):
                self.sum(op)
            else:
                self.nodes.append(op)
        return self.graph.with_nodes(tuple(self.nodes), self.tensors)

    def is_apart(self, op: Op, is_wide: bool) -> TypeGuard[Accumulating]:
        fits = isinstance(op, Accumulating) and op.accumulator_bits <= S32.bits
        return (fits and is_wide) or (isinstance(op, Add) and self.also(self.graph, op))

    def sum(self, op: Accumulating) -> None:
        wide = S32 in [self.tensors[name].dtype for name in activations(op)]
        if isinstance(op, Add) and (wide or self.also(self.graph, op)):
            first, second = (self.operand(op, side) for side in (0, 1))
            op = replace(
                op, inputs=(first, second), input_zero_points=(0, 0), input_rescales=(None, None)
            )
        if op.rescale is None:
            self.nodes.append(op)
            return
        total = self.added(f"{op.name}.sum", op.output)
        self.nodes += [
            replace(op, rescale=None, accumulator_bits=S32.bits, output=total),
            Requantize(f"{op.name}.rescale", total, op.output, op.rescale),
        ]

    def operand(self, op: Add, side: int) -> str:
        """The 32-bit tensor that side 0 or 1 of ``op`` adds."""
        name, r = op.inputs[side], op.input_rescales[side]
        zero_point = op.input_zero_points[side]
        if r is None and zero_point == 0 and self.tensors[name].dtype == S32:
            return name
        output = self.added(f"{op.name}.side{side}", name)
        self.nodes.append(Requantize(output, name, output, r or _SAME, zero_point))
        return output

    def added(self, wish: str, like: str) -> str:
        """A 32-bit tensor of the shape of ``like``; its name."""
        name = fresh(wish, self.tensors)
        self.tensors[name] = TensorType(self.tensors[like].shape, S32)
        return name
