"""Products of two activations, and functions of whole rows, in ONNX's operators on integers."""

from __future__ import annotations

import numpy as np

from hwkit.ir import softmax_table
from hwkit.ir.layer_norm import (
    EPSILON_BITS,
    GUESS_SHIFT,
    gain_and_bias,
    guess_index_offset,
    guesses,
)
from hwkit.ir.ops import LayerNorm, LayerNormKind, MatMul, Softmax
from hwkit.ir.shapes import matrices
from hwkit.ir.sums import farthest
from hwkit.ir.types import S32, Array
from hwkit.targets.onnx.draft import Draft
from hwkit.targets.onnx.rounding import clamped, floor_divide, rescaled
from hwkit.targets.onnx.sums import centred, fits_zero_point

_POWERS = np.int64(1) << np.arange(63, dtype=np.int64)
_ROOT_BITS = 32
_IN_GRAPH, _IN_FILE = [0, 2, 3, 1], [0, 3, 1, 2]


def rows_first(draft: Draft, x: str, rank: int) -> str:
    """A map as the graph has it, its last axis last."""
    return draft.node("Transpose", [x], perm=_IN_GRAPH) if rank == 3 else x


def rows_back(draft: Draft, x: str, rank: int) -> str:
    """The inverse of ``rows_first``."""
    return draft.node("Transpose", [x], perm=_IN_FILE) if rank == 3 else x


def operand(draft: Draft, x: str, rank: int, transposed: bool) -> str:
    """An operand of a matrix product, its matrices last."""
    x = rows_first(draft, x, rank)
    if not transposed:
        return x
    axes = list(range(rank + 1))
    axes[-2:] = reversed(axes[-2:])
    return draft.node("Transpose", [x], perm=axes)


def product(draft: Draft, op: MatMul) -> str:
    """The accumulators of ``op`` as int64; in 8 bits where both operands have them."""
    tensors = [draft.graph.tensors[name] for name in op.inputs]
    rank = len(tensors[0].shape)
    most = matrices(op, tensors[0].shape, tensors[1].shape)[2]
    for tensor, zero in zip(tensors, op.input_zero_points, strict=True):
        most *= farthest(tensor.dtype, zero)
    native = most <= S32.high and all(
        fits_zero_point(tensor.dtype, zero)
        for tensor, zero in zip(tensors, op.input_zero_points, strict=True)
    )
    # Kernels of uint8 times int8 may saturate; see sums.py.
    native = native and (tensors[0].dtype.signed or not tensors[1].dtype.signed)
    pairs = zip(op.inputs, op.input_zero_points, op.transposed, strict=True)
    if not native:
        found = [operand(draft, centred(draft, n, z), rank, t) for n, z, t in pairs]
        return rows_back(draft, draft.node("MatMul", found), rank)
    found = [operand(draft, name, rank, t) for name, _, t in pairs]
    zeros = [
        draft.constant(np.array(zero, tensor.dtype.container))
        for tensor, zero in zip(tensors, op.input_zero_points, strict=True)
    ]
    total = draft.node("MatMulInteger", [*found, *zeros])
    return rows_back(draft, draft.cast(total, np.int64), rank)


def softmax_by_table(draft: Draft, op: Softmax, below: str, axis: int) -> str:
    """Softmax of kind ``TABLE``: ``below`` is how far each integer lies below the largest."""
    table = draft.wide(softmax_table.exponentials(op.input_scale))
    each = draft.node("Gather", [table, below], axis=0)
    total = draft.node("ReduceSum", [each, draft.indices([axis])], keepdims=1)
    reciprocal = draft.node("Div", [draft.wide(1 << 62), total])
    p = draft.node("Add", [draft.node("Mul", [each, reciprocal]), draft.wide(1 << 31)])
    parts = floor_divide(draft, p, draft.wide(1 << 32))
    return (
        parts if op.rescale is None else rescaled(draft, parts, op.rescale, draft.rank(op.output))
    )


def layer_norm(draft: Draft, op: LayerNorm) -> str:
    """``op`` as int64."""
    rank = draft.rank(op.input)
    signs = None if op.signs is None else draft.graph.constants[op.signs].astype(np.int64)
    x = rows_first(draft, draft.cast(op.input, np.int64), rank)
    n, deviation = _moments(draft, x, draft.graph.tensors[op.input].shape[-1])
    if op.kind is LayerNormKind.FLOAT and op.rescale is not None:
        gain, bias = gain_and_bias(op.rescale, signs)
        y = _float(draft, n, deviation, op.epsilon, (gain, bias))
        y = draft.node("Add", [y, draft.wide(op.rescale.zero_point)])
        return rows_back(draft, clamped(draft, y, op.rescale.low, op.rescale.high), rank)
    real = _integer(draft, n, deviation, op.epsilon)
    if signs is not None:
        real = draft.node("Mul", [real, draft.wide(signs)])
    real = rows_back(draft, real, rank)
    return real if op.rescale is None else rescaled(draft, real, op.rescale, rank)


def _moments(draft: Draft, x: str, channels: int) -> tuple[str, str]:
    count, axis = draft.wide(channels), draft.indices([-1])
    total = draft.node("ReduceSum", [x, axis], keepdims=1)
    n = draft.node("Sub", [draft.node("Mul", [x, count]), total])
    squares = draft.node("ReduceSum", [draft.node("Mul", [x, x]), axis], keepdims=1)
    scaled = draft.node("Mul", [squares, count])
    return n, draft.node("Sub", [scaled, draft.node("Mul", [total, total])])


def _integer(draft: Draft, n: str, deviation: str, epsilon: int) -> str:
    grown = draft.node("Mul", [deviation, draft.wide(1 << EPSILON_BITS)])
    value = draft.node("Max", [draft.node("Add", [grown, draft.wide(epsilon)]), draft.wide(1)])
    apart = draft.node("Unsqueeze", [value, draft.indices([-1])])
    reached = draft.node("GreaterOrEqual", [apart, draft.wide(_POWERS)])
    ones = draft.cast(reached, np.int64)
    bits = draft.node("ReduceSum", [ones, draft.indices([-1])], keepdims=0)
    free = draft.node("Sub", [draft.wide(64), bits])
    up = draft.node("Div", [free, draft.wide(2)])
    root = _root(draft, value, up)
    reciprocal = draft.node("Div", [draft.wide((1 << 63) - 1), root])
    shift = draft.node("Sub", [draft.wide(35), up])
    power = draft.node("Gather", [draft.wide(_POWERS), shift], axis=0)
    half = draft.node("Div", [power, draft.wide(2)])
    scaled = draft.node("Add", [draft.node("Mul", [n, reciprocal]), half])
    return floor_divide(draft, scaled, power)


def _root(draft: Draft, value: str, up: str) -> str:
    """``floor(sqrt(value * 4**up))``: float64 is at most one off, and the square tells, modulo
    2**64, which way."""
    power = draft.node("Gather", [draft.wide(_POWERS), up], axis=0)
    real = draft.node("Sqrt", [draft.cast(value, np.float64)])
    real = draft.node("Floor", [draft.node("Mul", [real, draft.cast(power, np.float64)])])
    guess = draft.node("Min", [draft.cast(real, np.int64), draft.wide((1 << _ROOT_BITS) - 1)])
    grown = draft.node("Mul", [draft.node("Mul", [value, power]), power])
    rest = draft.node("Sub", [grown, draft.node("Mul", [guess, guess])])
    low = draft.cast(draft.node("Less", [rest, draft.wide(0)]), np.int64)
    twice = draft.node("Mul", [guess, draft.wide(2)])
    high = draft.cast(draft.node("Greater", [rest, twice]), np.int64)
    return draft.node("Add", [draft.node("Sub", [guess, low]), high])


def _float(draft: Draft, n: str, deviation: str, epsilon: int, ends: tuple[Array, Array]) -> str:
    def number(value: float) -> str:
        return draft.constant(np.array(value, np.float32))

    more = number(epsilon / (1 << EPSILON_BITS))
    value = draft.node("Add", [draft.cast(deviation, np.float32), more])
    value = draft.node("Max", [value, number(1)])
    table = guesses()
    # ONNX reads no bits of a float: where each entry begins is compared instead.
    places = (np.arange(table.size, dtype=np.int64) + guess_index_offset()) << GUESS_SHIFT
    begins = draft.constant(places.astype(np.int32).view(np.float32))
    apart = draft.node("Unsqueeze", [value, draft.indices([-1])])
    reached = draft.cast(draft.node("GreaterOrEqual", [apart, begins]), np.int64)
    count = draft.node("ReduceSum", [reached, draft.indices([-1])], keepdims=0)
    index = draft.node("Sub", [count, draft.wide(1)])
    guess = draft.node("Gather", [draft.constant(table), index], axis=0)
    square = draft.node("Mul", [guess, guess])
    half = draft.node("Mul", [draft.node("Mul", [value, number(0.5)]), square])
    root = draft.node("Mul", [guess, draft.node("Sub", [number(1.5), half])])
    scaled = draft.node("Mul", [draft.cast(n, np.float32), root])
    gain, bias = (draft.constant(end) for end in ends)
    y = draft.node("Add", [draft.node("Mul", [scaled, gain]), bias])
    return draft.cast(draft.node("Round", [y]), np.int64)
