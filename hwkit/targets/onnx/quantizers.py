"""Graphs as reals: what every tensor stands for, and the quantizers between them."""

from __future__ import annotations

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    ArgMax,
    Op,
    Overflow,
    Rescale,
    activations,
)
from hwkit.ir.types import Array, IntType
from hwkit.targets.onnx.draft import QONNX, Draft, Meaning
from hwkit.targets.onnx.emit import OnnxFile
from hwkit.targets.onnx.reals import Step, steps_of
from hwkit.targets.onnx.scales import factors, step_of

WHO = "QONNX"
QUANTIZED_BITS = 16
"""The most that a quantizer of an activation has."""
AGREES = 2.0**-22
"""Relative difference of a gain from 1 up to which there is none."""


class Reals(Draft):
    """A draft in which every tensor of the graph is the reals that it stands for."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.meaning: dict[str, Meaning] = {}
        self.quantized_inputs: dict[str, str] = {}
        self.order: dict[str, Array] = {}
        """Of a flattened map: which integer of the graph's is at each place."""

    def floats(self, values: Array, rank: int) -> str:
        """A float32 constant for all, or one a channel."""
        return self.channels(values, rank, np.float32)

    def stated(self, name: str, zero_point: int) -> Meaning:
        """What the graph says of ``name``, around the zero point that its op uses."""
        made = self.meaning[name] = Meaning(np.array([step_of(self.graph, name)]), zero_point)
        return made

    def zero_point(self, name: str) -> int:
        """The one that a tensor states."""
        facts = self.graph.tensors[name].quantization
        return 0 if facts is None else facts.zero_point

    def quant(self, x: str, scale: str, zero_point: int, dtype: IntType, mode: str,
              output: str | None = None) -> str:  # fmt: skip
        """A ``Quant`` node."""
        facts = [self.constant(np.array(v, np.float32)) for v in (zero_point, dtype.bits)]
        return self.node("Quant", [x, scale, *facts], output, QONNX,
                         signed=int(dtype.signed), narrow=0, rounding_mode=mode)  # fmt: skip

    def enter(self, name: str) -> None:
        """A border's first quantizer."""
        dtype = self.graph.tensors[name].dtype
        if dtype.bits > QUANTIZED_BITS:
            remedy = f"input {name!r} has {dtype.bits} bits and is no quantizer's; take --to onnx"
            raise UnsupportedOp(self.graph.name, WHO, remedy)
        meaning = self.stated(name, self.zero_point(name))
        scale = self.floats(meaning.scale, 1)
        inner = self.quantized_inputs[name] = self.fresh(f"{name}_quantized")
        self.quant(name, scale, meaning.zero_point, dtype, "ROUND", inner)

    def unsupported(self, op: Op, why: str) -> UnsupportedOp:
        """The refusal of an op."""
        return UnsupportedOp(op.name, WHO, f"{why}; take --to onnx, which has every op")

    def passed(self, op: Op) -> None:
        """The output means what the first input does."""
        self.meaning[op.output] = self.meaning[activations(op)[0]]

    def around(self, op: Op, name: str, zero_point: int) -> Meaning:
        """The meaning of an input, whose zero point must be what ``op`` subtracts."""
        meaning = self.meaning[name]
        if meaning.zero_point != zero_point:
            raise self.unsupported(
                op, f"it reads {name!r} around {zero_point}, and not {meaning.zero_point}"
            )
        return meaning

    def rescaled(self, op: Op, x: str, unit: Array, r: Rescale) -> None:
        """``op.output`` from reals ``x``, ``unit`` of which are one of what ``r`` rescales."""
        meaning = self.stated(op.output, r.zero_point)
        wanted = factors(r) * meaning.scale
        live = np.where(wanted > 0, wanted / unit, 1.0)
        if (np.abs(live - 1) > AGREES).any() or (wanted <= 0).any():
            gain = np.where(wanted > 0, live, 0.0)
            x = self.node("Mul", [x, self.floats(gain, self.rank(op.output))])
        self.quantized(op, x, r)

    def quantized(self, op: Op, x: str, r: Rescale) -> None:
        """``op.output`` from reals in its own scale, by the quantizers of ``r``."""
        if r.overflow is not Overflow.SATURATE:
            raise self.unsupported(op, "its rescale wraps")
        dtype = self.graph.tensors[op.output].dtype
        meaning = self.stated(op.output, r.zero_point)
        if dtype.bits > QUANTIZED_BITS:
            self.node("Identity", [x], op.output)  # Sums on a fine grid are reals there.
            return
        steps = steps_of(r)
        scale, rank = float(meaning.scale[0]), self.rank(op.output)
        if len(steps) == 1 and not steps[0].side:
            self.stepped(op, x, steps[0], (r.low, r.high), r.zero_point, dtype, op.output)
            return
        wide = IntType(min(dtype.bits + 1, 16), True)
        low, high = r.low - r.zero_point, r.high - r.zero_point
        ends = {1: (max(low, 0), max(high, 0)), -1: (min(low, 0), min(high, 0))}
        parts = [self.stepped(op, x, step, ends[step.side], 0, wide, None) for step in steps]
        total = parts[0] if len(parts) == 1 else self.node("Add", parts)
        if meaning.zero_point or len(parts) > 1 or wide != dtype:
            self.quant(total, self.floats(np.array([scale]), rank), r.zero_point, dtype, "ROUND",
                       op.output)  # fmt: skip

    def stepped(
        self, op: Op, x: str, step: Step, ends: tuple[int, int], zero_point: int,
        dtype: IntType, output: str | None, meant: Meaning | None = None,
    ) -> str:  # fmt: skip
        """One quantizer of reals ``x``, its result in ``ends``."""
        meaning, rank = meant or self.meaning[op.output], self.rank(op.output)
        scale = float(meaning.scale[0])
        if step.added.any():
            x = self.node("Add", [x, self.floats(step.added * scale, rank)])
        if ends != (dtype.low, dtype.high):
            middle = {"FLOOR": 0.5, "CEIL": -0.5}.get(step.mode, 0.0)
            bounds = [(end - zero_point + middle) * scale for end in ends]
            if step.mode == "ROUND" and bounds[0] == 0 and ends[1] == dtype.high:
                x = self.node("Relu", [x])
            else:
                x = self.node(
                    "Clip", [x, *(self.constant(np.array(b, np.float32)) for b in bounds)]
                )
        made = self.floats(np.array([scale]), rank)
        return self.quant(x, made, zero_point, dtype, step.mode, output)

    def finished(self) -> OnnxFile:
        """The file; what reads an input reads its quantizer."""
        graph, inner = self.graph, self.quantized_inputs
        for node in self.nodes:
            if node.op_type != "Quant" or node.output[0] not in inner.values():
                node.input[:] = [inner.get(name, name) for name in node.input]
        taken, outputs = set(graph.sources), []
        for name in graph.results:
            self.name = name
            found = inner.get(name, name)
            outputs.append(self.node("Identity", [found]) if found in taken else found)
            taken.add(outputs[-1])
        whole = {op.output for op in graph.nodes if isinstance(op, ArgMax)}
        reals = {n: self.meaning[n] for n in (*graph.sources, *graph.results) if n not in whole}
        made = self.bytes(
            [self.value(name, name, np.float32) for name in graph.sources],
            [self.value(name, like, np.int64 if like in whole else np.float32)
             for name, like in zip(outputs, graph.results, strict=True)],
            {},
        )  # fmt: skip
        return OnnxFile(made, graph.sources, tuple(outputs), reals)
