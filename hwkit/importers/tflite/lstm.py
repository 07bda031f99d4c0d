"""UNIDIRECTIONAL_SEQUENCE_LSTM with integer gates, as TFLM computes it.

The four gates lie side by side: one product with the inputs of all steps, and for each step one
with the hidden state. Gates are int16 with scale 2**-12, behind their functions 2**-15. Hidden and
cell state are states of the graph: an inference goes on where the last one ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, prod

import numpy as np

from hwkit.importers.tflite import unary16
from hwkit.importers.tflite.context import (
    Context,
    check_operands,
    constant,
    damaged,
    node_name,
    unsupported,
)
from hwkit.importers.tflite.file import INT8, INT32, INT64, FileOperator
from hwkit.importers.tflite.implicit import add_state
from hwkit.ir.ops import Add, Clamp, Concat, Dense, Lookup, Mul, Rescale, Rounding, Slice
from hwkit.ir.tflite import double_rescale, wide_rescale
from hwkit.ir.types import S8, S16, S32, S48, Array, Quantization

_GATES = ("input", "forget", "cell", "output")
_TANH = 4
"""Number of the activation in the schema."""
_PEEPHOLES, _PROJECTION, _NORMS = (9, 10, 11), (16, 17), (20, 21, 22, 23)
_HIDDEN, _CELL = 18, 19
_ARGUMENT, _RESULT = Quantization((2.0**-12,)), Quantization((2.0**-15,))
"""Of a gate's function."""
_SAME = Rescale((1,), (0,), Rounding.FLOOR, S16.low, S16.high)


def sequence_lstm(context: Context, position: int, op: FileOperator) -> None:
    """An LSTM of int8 or int16 activations, int8 weights, an int16 cell; batch 1."""
    check_operands(op, position, (1, 24))
    cell = _Cell(context, position, op)
    cell.check()
    cell.convert()


@dataclass(frozen=True, slots=True, eq=False)
class _Product:
    """A layer of the four gates, without its input."""

    weight: str
    bias: str | None
    zero_point: int
    bits: int
    rescale: Rescale

    def of(self, name: str, source: str) -> Dense:
        return Dense(
            name, source, self.weight, self.bias, name, self.zero_point, self.bits, self.rescale
        )


@dataclass(slots=True)
class _Cell:
    context: Context
    position: int
    op: FileOperator

    @property
    def name(self) -> str:
        return node_name(self.position, self.op)

    def has(self, place: int) -> bool:
        return place < len(self.op.inputs) and self.op.inputs[place] >= 0

    def facts(self, place: int) -> Quantization:
        return self.context.facts(self.op.inputs[place])

    def check(self) -> None:
        wanted = [0, *range(1, 9), *range(12, 16), _HIDDEN, _CELL]
        if not all(map(self.has, wanted)):
            raise unsupported(
                self.position, self.op, "an LSTM whose input and forget gate are one; export all"
            )
        for places, what in (
            (_PEEPHOLES, "peepholes"),
            (_PROJECTION, "a projection"),
            (_NORMS, "layer norms"),
        ):
            if any(map(self.has, places)):
                raise unsupported(self.position, self.op, f"it has {what}; export it without")
        if self.op.options["activation"] != _TANH:
            raise unsupported(self.position, self.op, "its cell gate must be a TANH")
        if self.context.dtype(self.op.inputs[_CELL]) != S16:
            raise unsupported(self.position, self.op, "its cell state must be int16")
        hidden, x = (self.context.dtype(self.op.inputs[k]) for k in (_HIDDEN, 0))
        if hidden != x or x not in (S8, S16):
            raise unsupported(self.position, self.op, f"inputs of {x}, a hidden state of {hidden}")

    def sizes(self) -> tuple[int, int, int]:
        """Steps, inputs and units."""
        shape = self.context.file.tensors[self.op.inputs[0]].shape
        axis = 0 if self.op.options["time_major"] else 1
        if len(shape) != 3 or shape[1 - axis] != 1:
            raise unsupported(self.position, self.op, f"inputs {shape}; give a batch of 1")
        units = prod(self.context.file.tensors[self.op.inputs[_HIDDEN]].shape)
        if prod(self.context.file.tensors[self.op.inputs[_CELL]].shape) != units:
            raise damaged(self.position, self.op, "hidden and cell state differ in size")
        return shape[axis], shape[2], units

    def convert(self) -> None:
        context, b, name = self.context, self.context.builder, self.name
        steps, width, units = self.sizes()
        source = context.reshaped(
            f"{name}/steps", context.computed(self.op.inputs[0]), (steps, width)
        )
        of_inputs = self.product("input", 0, 1, (units, width), 12)
        inputs = b.add(of_inputs.of(f"{name}/input", source), S16, _ARGUMENT)
        recurrent = self.product("hidden", _HIDDEN, 5, (units, units), None)
        tables = self.tables()
        hidden = add_state(
            context, self.position, self.op, _HIDDEN, self.start(units, self.facts(_HIDDEN))
        )
        cell = add_state(context, self.position, self.op, _CELL, np.zeros(units, np.int64))
        states = hidden, cell
        made = []
        for step in range(steps):
            row = Slice(
                f"{name}/step{step}/of_input",
                inputs,
                f"{name}/step{step}/of_input",
                (step, 0),
                (1, 4 * units),
                (1, 1),
            )
            own = b.add(row, S16, _ARGUMENT)
            own = context.reshaped(f"{name}/step{step}/own", own, (4 * units,))
            of_hidden = b.add(recurrent.of(f"{name}/step{step}/hidden", hidden), S16, _ARGUMENT)
            hidden, cell = self.step(f"{name}/step{step}", (own, of_hidden), cell, units, tables)
            made.append(context.reshaped(f"{name}/step{step}/row", hidden, (1, units)))
        b.update(states[0], hidden)
        b.update(states[1], cell)
        facts, dtype = context.facts(self.op.outputs[0]), context.dtype(self.op.outputs[0])
        if dtype != context.dtype(self.op.inputs[_HIDDEN]):
            raise damaged(self.position, self.op, "its output and its hidden state differ in type")
        rows = made[0]
        if len(made) > 1:
            rows = b.add(Concat(f"{name}/rows", tuple(made), f"{name}/rows", 0), dtype, facts)
        context.add(self.op.outputs[0], context.view(name, rows, self.op.outputs[0]))

    def start(self, units: int, facts: Quantization) -> Array:
        narrow = self.context.dtype(self.op.inputs[_HIDDEN]) == S8
        return np.full(units, facts.zero_point if narrow else 0)

    def product(
        self, what: str, place: int, first: int, shape: tuple[int, int], bias: int | None
    ) -> _Product:
        """The layer of input ``place`` with the weights from input ``first`` on, to int16 with
        scale 2**-12; its biases from input ``bias`` on."""
        context, name = self.context, f"{self.name}/{what}"
        facts, wide = self.facts(place), context.dtype(self.op.inputs[place]) == S16
        rows, ratios, biases = [], [], []
        for k, gate in enumerate(_GATES):
            index = self.op.inputs[first + k]
            value = constant(context, index, (INT8,), f"{self.name}: {gate} weights")
            tensor = context.file.tensors[index]
            if value.shape != shape or len(tensor.scale) != 1:
                raise damaged(self.position, self.op, f"{gate} weights of {value.shape}")
            rows.append(value.astype(np.int64) - sum(tensor.zero_point))
            ratio = float(np.float32(facts.scale[0]) * np.float32(tensor.scale[0]))
            ratios += [ratio / _ARGUMENT.scale[0]] * shape[0]
            if bias is not None:
                kinds = (INT64,) if wide else (INT32,)
                value = constant(context, self.op.inputs[bias + k], kinds, f"{self.name}: bias")
                biases.append(value.reshape(-1))
        matrix = np.concatenate(rows)
        if matrix.min() < S8.low or matrix.max() > S8.high:
            raise unsupported(self.position, self.op, "weights less their zero point leave 8 bits")
        weight = context.builder.constant(f"{name}/weight", matrix, S8)
        added = None
        if bias is not None:
            kind = S48 if wide else S32
            added = context.builder.constant(f"{name}/bias", np.concatenate(biases), kind)
        try:
            limits = (S16.low, S16.high)
            rescale = wide_rescale(ratios, *limits) if wide else double_rescale(ratios, 0, *limits)
        except ValueError as error:
            raise damaged(self.position, self.op, error) from error
        bits = S48.bits if wide else S32.bits
        return _Product(weight, added, facts.zero_point, bits, rescale)

    def tables(self) -> dict[str, str]:
        """The functions' tables, once for all steps."""
        scale = 2.0 ** round(log2(self.facts(_CELL).scale[0]))
        try:
            made = {
                "logistic": unary16.logistic_table(_ARGUMENT),
                "tanh": unary16.tanh_table(_ARGUMENT),
                "cell": unary16.tanh_table(Quantization((scale,))),
            }
        except ValueError as error:
            raise unsupported(self.position, self.op, f"{error}; calibrate again") from error
        b = self.context.builder
        return {key: b.constant(f"{self.name}/{key}", of, S16) for key, of in made.items()}

    def step(
        self, name: str, sums: tuple[str, str], cell: str, units: int, tables: dict[str, str]
    ) -> tuple[str, str]:
        """Hidden and cell state behind one step."""
        b, state = self.context.builder, self.facts(_CELL)
        total = b.add(Add(f"{name}/sums", sums, f"{name}/sums", rescale=_SAME), S16, _ARGUMENT)
        gates = {}
        for k, gate in enumerate(_GATES):
            part = f"{name}/gate_{gate}/sum"
            own = b.add(Slice(part, total, part, (k * units,), (units,), (1,)), S16, _ARGUMENT)
            table = tables["tanh" if gate == "cell" else "logistic"]
            node = Lookup(f"{name}/gate_{gate}", own, table, f"{name}/gate_{gate}")
            gates[gate] = b.add(node, S16, _RESULT)
        kept = self.times(f"{name}/kept", gates["forget"], cell, state)
        new = self.times(f"{name}/new", gates["input"], gates["cell"], state)
        cell = b.add(Add(f"{name}/state", (kept, new), f"{name}/state", rescale=_SAME), S16, state)
        if (clip := float(self.op.options["cell_clip"])) > 0:
            most = int(min(clip / state.scale[0], S16.high))
            clamp = Clamp(f"{name}/clipped", cell, f"{name}/clipped", -most, most)
            cell = b.add(clamp, S16, state)
        node = Lookup(f"{name}/shown", cell, tables["cell"], f"{name}/shown")
        shown = b.add(node, S16, _RESULT)
        hidden = self.times(f"{name}/hidden_state", shown, gates["output"], self.facts(_HIDDEN))
        return hidden, cell

    def times(self, name: str, first: str, second: str, output: Quantization) -> str:
        """The product of two numbers of int16; the hidden state's is as wide as the input."""
        b = self.context.builder
        hidden = output == self.facts(_HIDDEN) and name.endswith("/hidden_state")
        dtype = self.context.dtype(self.op.inputs[_HIDDEN]) if hidden else S16
        scales = [b.tensors[part].quantization for part in (first, second)]
        ratio = prod(facts.scale[0] for facts in scales if facts is not None) / output.scale[0]
        try:
            rescale = double_rescale([ratio], output.zero_point, dtype.low, dtype.high)
        except ValueError as error:
            raise damaged(self.position, self.op, error) from error
        return b.add(Mul(name, (first, second), name, rescale=rescale), dtype, output)
