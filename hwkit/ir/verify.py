"""Checks that a graph keeps every rule of SPEC.md; runs on load and after every pass."""

from __future__ import annotations

from math import isfinite

from hwkit.errors import GraphError
from hwkit.ir.arith import MAX_OFFSET, MAX_SHIFT
from hwkit.ir.graph import Graph, State
from hwkit.ir.layer_norm import MOST_CHANNELS, MOST_EPSILON
from hwkit.ir.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    LayerNormKind,
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Overflow,
    Pad,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Rounding,
    Slice,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
    Transpose,
    activations,
    constants,
)
from hwkit.ir.shapes import output_shape
from hwkit.ir.softmax_table import LONGEST
from hwkit.ir.traits import Accumulating
from hwkit.ir.types import S8, S16, S32, S48, Array, IntType, TensorType

MAX_ELEMENTS = 1 << 27
"""Largest tensor that a graph may hold, so that a hostile file cannot ask for all memory."""


def verify(graph: Graph) -> Graph:
    """Returns ``graph`` unchanged when it is well formed; raises ``GraphError`` where it is not."""
    for name, tensor in graph.tensors.items():
        _tensor(name, tensor)
    for name, value in graph.constants.items():
        _constant(graph, name, value)
    defined = set(graph.inputs)
    if len(defined) != len(graph.inputs) or not graph.inputs or not graph.outputs:
        raise GraphError(graph.name, "needs at least one input and one output, each named once")
    if bad := [n for n in (*graph.inputs, *graph.outputs) if n not in graph.tensors]:
        raise GraphError(bad[0], "graph input or output has no type")
    if clash := defined & set(graph.constants):
        raise GraphError(min(clash), "is both an input and a constant")
    for state in graph.states:
        _state(graph, state, defined)
        defined.add(state.tensor)
    names: set[str] = set()
    for op in graph.nodes:
        if op.name in names or not op.name:
            raise GraphError(op.name, "two nodes share this name, or it is empty")
        names.add(op.name)
        _node(graph, op, defined)
        defined.add(op.output)
    if missing := [name for name in graph.outputs if name not in defined]:
        raise GraphError(missing[0], "graph output is never computed")
    for state in graph.states:
        _update(graph, state, defined)
    return graph


def _state(graph: Graph, state: State, defined: set[str]) -> None:
    """What holds of a state before any node runs."""
    tensor = graph.tensors.get(state.tensor)
    if tensor is None:
        raise GraphError(state.tensor, "state has no type")
    if state.tensor in defined or state.tensor in graph.constants:
        raise GraphError(state.tensor, "a state is no input, no constant and no other state")
    if tensor.dtype.bits > 32:
        raise GraphError(state.tensor, f"state of type {tensor.dtype}; states have at most 32 bits")
    if state.initial not in graph.constants:
        raise GraphError(state.tensor, f"initial value {state.initial!r} is not a constant")
    _like_state(state, tensor, f"initial value {state.initial!r}", graph.tensors[state.initial])


def _update(graph: Graph, state: State, defined: set[str]) -> None:
    if state.update not in defined:
        raise GraphError(state.tensor, f"its next value {state.update!r} is never computed")
    name = f"next value {state.update!r}"
    _like_state(state, graph.tensors[state.tensor], name, graph.tensors[state.update])


def _like_state(state: State, tensor: TensorType, name: str, other: TensorType) -> None:
    if (other.shape, other.dtype) != (tensor.shape, tensor.dtype):
        raise GraphError(
            state.tensor,
            f"its {name} is {other.dtype}{other.shape}, the state {tensor.dtype}{tensor.shape}",
        )


def _tensor(name: str, tensor: TensorType) -> None:
    if not 1 <= tensor.dtype.bits <= S48.bits:
        raise GraphError(name, f"bit width {tensor.dtype.bits} is not in 1..{S48.bits}")
    if not 1 <= len(tensor.shape) <= 4 or min(tensor.shape) < 1:
        raise GraphError(name, f"shape {tensor.shape} must have 1 to 4 positive sizes")
    if tensor.elements > MAX_ELEMENTS:
        raise GraphError(name, f"{tensor.elements} integers are more than {MAX_ELEMENTS}")
    if (facts := tensor.quantization) is not None:
        if not facts.scale or not all(isfinite(s) and s > 0 for s in facts.scale):
            raise GraphError(name, "scales must be finite and above 0")
        if len(facts.scale) > 1 and len(facts.scale) not in (tensor.shape[0], tensor.shape[-1]):
            raise GraphError(name, f"{len(facts.scale)} scales do not fit shape {tensor.shape}")


def _constant(graph: Graph, name: str, value: Array) -> None:
    tensor = graph.tensors.get(name)
    if tensor is None:
        raise GraphError(name, "constant has no type")
    if value.shape != tensor.shape or value.dtype != tensor.dtype.container:
        raise GraphError(
            name,
            f"constant is {value.dtype}{value.shape}, its type says "
            f"{tensor.dtype.container}{tensor.shape}",
        )
    low, high = int(value.min()), int(value.max())
    if low < tensor.dtype.low or high > tensor.dtype.high:
        raise GraphError(name, f"values {low}..{high} do not fit {tensor.dtype}")


def _node(graph: Graph, op: Op, defined: set[str]) -> None:
    for name in activations(op):
        if name not in defined:
            raise GraphError(op.name, f"reads {name!r} before it is computed")
    for name in constants(op):
        if name not in graph.constants:
            raise GraphError(op.name, f"reads constant {name!r}, which is missing")
    if op.output in defined or op.output in graph.constants:
        raise GraphError(op.name, f"writes {op.output!r}, which already exists")
    if op.output not in graph.tensors:
        raise GraphError(op.name, f"output {op.output!r} has no type")
    if not activations(op) and not isinstance(op, Constant):
        raise GraphError(op.name, "has no input")
    inputs = [graph.tensors[name] for name in activations(op)]
    output = graph.tensors[op.output]
    if wide := [t.dtype for t in (*inputs, output) if t.dtype.bits > 32]:
        raise GraphError(op.name, f"activations of type {wide[0]}; they have at most 32 bits")
    weight = graph.tensors[constants(op)[0]].shape if constants(op) else None
    shape = output_shape(op, [t.shape for t in inputs], weight, output.shape)
    if shape != output.shape:
        raise GraphError(op.name, f"output is declared {output.shape}, computed {shape}")
    _fields(graph, op, inputs, output)


def _fields(graph: Graph, op: Op, inputs: list[TensorType], output: TensorType) -> None:
    channels = output.shape[-1]
    match op:
        case Conv2d() | DepthwiseConv2d() | Dense():
            _zero_point(op, op.input_zero_point, inputs[0])
            if op.bias is not None and graph.tensors[op.bias].shape != (channels,):
                raise GraphError(op.name, f"bias must have shape ({channels},)")
            _stage(op, output, channels)
        case Add() | Sub() | Mul() | MatMul():
            for zero_point, tensor in zip(op.input_zero_points, inputs, strict=True):
                _zero_point(op, zero_point, tensor)
            if isinstance(op, MatMul) and any(tensor.dtype.bits > 16 for tensor in inputs):
                types = " and ".join(str(tensor.dtype) for tensor in inputs)
                raise GraphError(op.name, f"multiplies matrices of at most 16 bits, not {types}")
            for rescale in () if isinstance(op, Mul | MatMul) else op.input_rescales:
                if rescale is not None:
                    _rescale(op, rescale, channels, IntType(32, True))
            _stage(op, output, channels)
        case SumPool2d():
            _zero_point(op, op.input_zero_point, inputs[0])
            _stage(op, output, channels)
        case Requantize():
            _rescale(op, op.rescale, channels, output.dtype)
            if op.input_zero_point:
                _zero_point(op, op.input_zero_point, inputs[0])
        case Prelu():
            slope = graph.tensors[op.slope]
            if slope.dtype.bits > 8 or inputs[0].dtype.bits > 8:
                raise GraphError(op.name, "slope and input of a prelu have at most 8 bits")
            _zero_point(op, op.input_zero_point, inputs[0])
            _zero_point(op, op.slope_zero_point, slope)
            for rescale in (op.positive, op.negative):
                _rescale(op, rescale, channels, output.dtype)
        case Constant():
            _same_type(op, [graph.tensors[op.value]], output)
        case ArgMax():
            if output.dtype != S32:
                raise GraphError(op.name, f"gives s32, not {output.dtype}")
        case Lookup():
            _table(graph, op, inputs[0].dtype, output.dtype)
        case Softmax() if op.kind is SoftmaxKind.TABLE:
            if inputs[0].dtype.bits > 8 or inputs[0].shape[-1] > LONGEST:
                raise GraphError(op.name, f"takes rows of up to {LONGEST} integers of 8 bits")
            _step(op)
            _fixed_point(op, output, channels)
        case LayerNorm():
            _layer_norm(graph, op, inputs[0])
            _fixed_point(op, output, channels)
        case Softmax():
            wide = inputs[0].dtype == S16 and op.kind is SoftmaxKind.FIXED
            if output.dtype != (S16 if wide else S8) or (inputs[0].dtype.bits > 8 and not wide):
                remedy = (
                    "softmax goes from at most 8 bits to s8, the fixed one also from s16 to s16"
                )
                raise GraphError(op.name, remedy)
            if op.rescale is not None:
                raise GraphError(
                    op.name, f"a {op.kind} softmax has no rescale; requantize behind it"
                )
            _step(op)
        case Clamp() | AvgPool2d():
            _same_type(op, inputs, output)
            _range(op, op.low, op.high, output.dtype)
        case Pad():
            _same_type(op, inputs, output)
            _range(op, op.value, op.value, output.dtype)
        case MaxPool2d() | Concat() | Reshape() | Slice() | Transpose() | ResizeNearest():
            _same_type(op, inputs, output)


def _step(op: Softmax) -> None:
    if not (isfinite(op.input_scale) and op.input_scale > 0):
        raise GraphError(op.name, f"input_scale {op.input_scale} must be finite, above 0")


def _layer_norm(graph: Graph, op: LayerNorm, source: TensorType) -> None:
    channels = source.shape[-1]
    if channels > MOST_CHANNELS or source.dtype.bits > 16:
        raise GraphError(
            op.name,
            f"normalizes {channels} integers of {source.dtype}; at most {MOST_CHANNELS} of 16 bits",
        )
    if not 0 <= op.epsilon <= MOST_EPSILON:
        raise GraphError(op.name, f"epsilon {op.epsilon} is not in 0..2**61")
    if op.kind is LayerNormKind.FLOAT and op.rescale is None:
        raise GraphError(op.name, "a float layer norm needs a rescale")
    if op.signs is not None:
        signs = graph.tensors[op.signs]
        if signs.shape != (channels,) or signs.dtype != IntType(2, True):
            raise GraphError(
                op.name, f"signs must be s2({channels},), not {signs.dtype}{signs.shape}"
            )


def _fixed_point(op: Softmax | LayerNorm, output: TensorType, channels: int) -> None:
    """Real numbers in fixed point, or what a rescale makes of them."""
    if op.rescale is not None:
        _rescale(op, op.rescale, channels, output.dtype)
    elif output.dtype != S32:
        raise GraphError(op.name, f"output {output.dtype} is no s32; give it a rescale")


def _stage(op: Accumulating, output: TensorType, channels: int) -> None:
    bits = op.accumulator_bits
    if not 2 <= bits <= S48.bits:
        raise GraphError(op.name, f"accumulator of {bits} bits is not in 2..{S48.bits}")
    if op.rescale is not None:
        _rescale(op, op.rescale, channels, output.dtype)
        if bits > 32:
            _wide_rescale(op, op.rescale)
    elif output.dtype != IntType(op.accumulator_bits, True):
        raise GraphError(op.name, f"output {output.dtype} is not its s{op.accumulator_bits} sum")


def _wide_rescale(op: Accumulating, r: Rescale) -> None:
    """Sums of more than 32 bits: their products must fit 62, without a second rounding."""
    single = r.rounding in (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)
    if not single or r.left_shift or max(r.multiplier).bit_length() + op.accumulator_bits > 63:
        raise GraphError(
            op.name,
            f"{op.accumulator_bits}-bit sums need half_up, half_even or floor and multipliers of "
            f"at most {63 - op.accumulator_bits} bits",
        )


def _rescale(op: Op, r: Rescale, channels: int, dtype: IntType) -> None:
    if len(r.multiplier) != len(r.shift) or len(r.multiplier) not in (1, channels):
        raise GraphError(op.name, f"{len(r.multiplier)} multipliers, {len(r.shift)} shifts")
    if not all(0 <= m < 1 << 31 for m in r.multiplier):
        raise GraphError(op.name, "multipliers must be in 0..2**31-1")
    if not all(0 <= s <= MAX_SHIFT for s in r.shift) or not 0 <= r.left_shift <= 30:
        raise GraphError(op.name, f"shifts must be in 0..{MAX_SHIFT}, left_shift in 0..30")
    if r.rounding is Rounding.DOUBLE:
        if not all(m == 0 or m >= 1 << 29 for m in r.multiplier):
            raise GraphError(op.name, "double rounding needs multipliers of 0 or 2**29 and more")
    elif r.rounding is Rounding.FLOAT32 and (max(r.multiplier) > 1 << 24 or r.left_shift):
        raise GraphError(op.name, "float32 rounding needs multipliers <= 2**24 and no left_shift")
    if len(r.offset) not in (1, channels) or any(abs(o) > MAX_OFFSET for o in r.offset):
        raise GraphError(op.name, f"{len(r.offset)} offsets; one or {channels}, |o| <= 2**61")
    if any(r.offset) and r.rounding not in (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR):
        raise GraphError(op.name, f"{r.rounding} rounding has no offset; keep it in the bias")
    if abs(r.zero_point) >= 1 << 31:
        raise GraphError(op.name, f"zero point {r.zero_point} does not fit 32 bits")
    _range(op, r.low, r.high, dtype)
    if r.overflow is Overflow.WRAP:
        low, high = r.low - r.zero_point, r.high - r.zero_point
        if (high + 1) & high or low not in (0, -high - 1):
            raise GraphError(op.name, f"wraps into {r.low}..{r.high}, the range of no integer type")


def _range(op: Op, low: int, high: int, dtype: IntType) -> None:
    if not dtype.low <= low <= high <= dtype.high:
        raise GraphError(op.name, f"range {low}..{high} does not fit {dtype}")


def _zero_point(op: Op, zero_point: int, tensor: TensorType) -> None:
    if not tensor.dtype.low <= zero_point <= tensor.dtype.high:
        raise GraphError(op.name, f"zero point {zero_point} does not fit its input {tensor.dtype}")
    facts = tensor.quantization
    if facts is not None and facts.zero_point != zero_point:
        raise GraphError(
            op.name, f"zero point {zero_point}, but its input states {facts.zero_point}"
        )


def _table(graph: Graph, op: Lookup, source: IntType, dtype: IntType) -> None:
    table = graph.tensors[op.table]
    if source.bits > 16 or table.shape != (1 << source.bits,) or table.dtype != dtype:
        raise GraphError(
            op.name,
            f"table {table.dtype}{table.shape} must be {dtype}({1 << source.bits},) "
            "with an input of at most 16 bits",
        )


def _same_type(op: Op, inputs: list[TensorType], output: TensorType) -> None:
    if any(tensor.dtype != output.dtype for tensor in inputs):
        types = ", ".join(str(tensor.dtype) for tensor in inputs)
        raise GraphError(op.name, f"integer types differ: {types} to {output.dtype}")
