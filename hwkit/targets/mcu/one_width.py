"""Sums whose operands are stored in one width and which give the same, or whole sums.

Targets have a kernel for each width of integers then, and not for each pair of widths.
"""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Requantize, Rescale, Rounding, activations
from hwkit.ir.storage import WHOLE_BYTES
from hwkit.ir.traits import Accumulating, Binary
from hwkit.ir.types import S16, S32, IntType, TensorType
from hwkit.lower.fresh import fresh
from hwkit.targets.mcu.bounds import largest_sum


def one_width(graph: Graph) -> Graph:
    """A ``Requantize`` of its own where integers of up to 8 bits become some of up to 16. Exact.

    An operand of up to 8 bits beside one of up to 16 is widened, and a sum of integers of up to 8
    bits that gives up to 16 gives the sum, then these. Left as they are: sums beyond 32 bits.
    Example: ``dense(s8, rescale to s16)`` becomes ``dense -> requantize``.
    """
    return _Widths(graph).result()


def _same(dtype: IntType) -> Rescale:
    return Rescale((1,), (0,), Rounding.FLOOR, dtype.low, dtype.high)


class _Widths:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = dict(graph.tensors)
        self.nodes: list[Op] = []

    def result(self) -> Graph:
        for op in self.graph.nodes:
            if not isinstance(op, Accumulating):
                self.nodes.append(op)
                continue
            widths = {self.bits(name) for name in activations(op)}
            if isinstance(op, Binary) and widths == {8, 16}:
                op = replace(op, inputs=(self.widened(op, 0), self.widened(op, 1)))
                widths = {16}
            self.sum(op, widths)
        return self.graph.with_nodes(tuple(self.nodes), self.tensors)

    def bits(self, name: str) -> int:
        return WHOLE_BYTES.of(self.tensors[name].dtype).bits

    def widened(self, op: Binary, side: int) -> str:
        """Operand 0 or 1 in 16 bits."""
        name = op.inputs[side]
        if self.bits(name) == 16:
            return name
        output = self.added(f"{op.name}.side{side}", name, S16)
        self.nodes.append(Requantize(output, name, output, _same(S16)))
        return output

    def sum(self, op: Accumulating, widths: set[int]) -> None:
        output = self.tensors[op.output].dtype
        if self.bits(op.output) != 16:
            self.nodes.append(op)
            return
        rescale = op.rescale or _same(output)
        if widths != {8}:
            self.nodes.append(replace(op, rescale=rescale))
            return
        if largest_sum(self.graph, op) > -S32.low:
            self.nodes.append(op)
            return
        total = self.added(f"{op.name}.sum", op.output, S32)
        self.nodes += [
            replace(op, rescale=None, accumulator_bits=S32.bits, output=total),
            Requantize(f"{op.name}.rescale", total, op.output, rescale),
        ]

    def added(self, wish: str, like: str, dtype: IntType) -> str:
        """A tensor of the shape of ``like``; its name."""
        name = fresh(wish, self.tensors)
        self.tensors[name] = TensorType(self.tensors[like].shape, dtype)
        return name
