"""A graph as an ONNX file of integer operators, each op exactly as the interpreter has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np

from hwkit.ir.graph import Graph
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
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Slice,
    Softmax,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.traits import Accumulating
from hwkit.targets.onnx import movement
from hwkit.targets.onnx.draft import Draft, Meaning, axis_of, in_onnx
from hwkit.targets.onnx.rounding import clamped, rescaled
from hwkit.targets.onnx.rows import layer_norm, product
from hwkit.targets.onnx.softmax import softmax
from hwkit.targets.onnx.sums import (
    blended,
    centred,
    pads_of,
    weighted_sum,
    window_sizes,
    window_sum,
)


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """The bytes of a model and the names of its borders: ``inputs`` are the graph's sources,
    ``outputs`` its results, each in the graph's order. ``reals`` names those of the graph's inputs
    and outputs that are real numbers there, and what an integer of them stands for."""

    model: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reals: Mapping[str, Meaning] = field(default_factory=dict)


def integer_file(graph: Graph, observed: tuple[str, ...] = ()) -> OnnxFile:
    """``graph`` in integer operators (ConvInteger, MatMulInteger and int64 arithmetic), standard
    ones alone. States are further inputs and outputs; inner tensors ``observed`` too, behind them.

    Every integer equals the interpreter's in ONNX Runtime.
    """
    draft = Draft(graph)
    for op in graph.nodes:
        draft.name = op.name
        integer_op(draft, op)
    return finished(draft, observed)


def finished(draft: Draft, observed: tuple[str, ...] = ()) -> OnnxFile:
    """The file of what was written: its borders, and the outputs that no node writes or that stand
    for two of the graph's."""
    graph = draft.graph
    taken, outputs = {*graph.sources}, []
    for name in (*graph.results, *observed):
        draft.name = name
        outputs.append(draft.node("Identity", [name]) if name in taken else name)
        taken.add(name)
    results = (*graph.results, *observed)
    made = draft.bytes(
        [draft.value(name, name) for name in graph.sources],
        [draft.value(name, like) for name, like in zip(outputs, results, strict=True)],
        {},
    )
    return OnnxFile(made, graph.sources, tuple(outputs))


def integer_op(draft: Draft, op: Op) -> None:
    """Appends the nodes that compute ``op.output``, in its container dtype."""
    match op:
        case Conv2d() | DepthwiseConv2d() | Dense():
            _finish(draft, op, weighted_sum(draft, op, draft.graph.constants[op.weight]))
        case Add() | Sub():
            first, second = (_term(draft, op, k) for k in (0, 1))
            _finish(draft, op, draft.node(type(op).__name__, [first, second]))
        case Mul():
            pairs = zip(op.inputs, op.input_zero_points, strict=True)
            _finish(draft, op, draft.node("Mul", [centred(draft, n, z) for n, z in pairs]))
        case MatMul():
            _finish(draft, op, product(draft, op))
        case ResizeBilinear():
            _finish(draft, op, blended(draft, op))
        case SumPool2d():
            _finish(draft, op, window_sum(draft, op, op.input_zero_point))
        case Requantize():
            x = centred(draft, op.input, op.input_zero_point)
            stored(draft, op, rescaled(draft, x, op.rescale, draft.rank(op.output)))
        case AvgPool2d():
            stored(draft, op, _average(draft, op))
        case MaxPool2d():
            _maximum(draft, op)
        case Clamp():
            stored(draft, op, clamped(draft, draft.cast(op.input, np.int64), op.low, op.high))
        case Lookup():
            table = draft.constant(draft.graph.constants[op.table], op.table)
            place = centred(draft, op.input, draft.graph.tensors[op.input].dtype.low)
            draft.node("Gather", [table, place], op.output, axis=0)
        case Prelu():
            stored(draft, op, _prelu(draft, op))
        case ArgMax():
            rank = draft.rank(op.input)
            x = draft.cast(op.input, np.int32)
            place = draft.node("ArgMax", [x], axis=axis_of(rank - 1, rank), keepdims=1)
            stored(draft, op, place)
        case Softmax():
            stored(draft, op, softmax(draft, op))
        case LayerNorm():
            stored(draft, op, layer_norm(draft, op))
        case Pad():
            movement.pad(draft, op)
        case Concat():
            movement.concat(draft, op)
        case Reshape():
            movement.reshape(draft, op)
        case Slice():
            movement.cut(draft, op)
        case Transpose():
            movement.transpose(draft, op)
        case ResizeNearest():
            movement.resize(draft, op)
        case Constant():
            movement.constant(draft, op)
        case _:
            assert_never(op)


def stored(draft: Draft, op: Op, x: str) -> None:
    """``x`` as ``op.output``, in its container dtype."""
    draft.cast(x, draft.graph.tensors[op.output].dtype.container, op.output)


def _finish(draft: Draft, op: Accumulating, total: str) -> None:
    if op.rescale is not None:
        total = rescaled(draft, total, op.rescale, draft.rank(op.output))
    stored(draft, op, total)


def _term(draft: Draft, op: Add | Sub, k: int) -> str:
    x = centred(draft, op.inputs[k], op.input_zero_points[k])
    r: Rescale | None = op.input_rescales[k]
    return x if r is None else rescaled(draft, x, r, draft.rank(op.output))


def _average(draft: Draft, op: AvgPool2d) -> str:
    """Half away from zero: the magnitude is rounded."""
    height, width, _ = draft.graph.tensors[op.input].shape
    count = window_sizes(op, height, width)
    count = count[:1, :1] if (count == count[0, 0]).all() else count
    total = window_sum(draft, op, 0)
    doubled = draft.node("Mul", [draft.node("Abs", [total]), draft.wide(2)])
    above = draft.node("Add", [doubled, draft.wide(count)])
    magnitude = draft.node("Div", [above, draft.wide(2 * count)])
    signed = draft.node("Mul", [magnitude, draft.node("Sign", [total])])
    return clamped(draft, signed, op.low, op.high)


def _maximum(draft: Draft, op: MaxPool2d) -> None:
    window: dict[str, Any] = {
        "kernel_shape": list(op.kernel), "strides": list(op.stride), "pads": pads_of(op.padding)
    }  # fmt: skip
    dtype = draft.graph.tensors[op.input].dtype
    if dtype.container.itemsize == 1:
        draft.node("MaxPool", [op.input], op.output, **window)
        return
    # Larger integers as float64, which has all of 32 bits.
    found = draft.node("MaxPool", [draft.cast(op.input, np.float64)], **window)
    stored(draft, op, found)


def _prelu(draft: Draft, op: Prelu) -> str:
    rank, zero = draft.rank(op.output), draft.wide(0)
    x = centred(draft, op.input, op.input_zero_point)
    slope = draft.graph.constants[op.slope].astype(np.int64) - op.slope_zero_point
    below = draft.node("Mul", [draft.node("Min", [x, zero]), draft.wide(in_onnx(slope[None]))])
    rising = rescaled(draft, draft.node("Max", [x, zero]), op.positive, rank)
    falling = rescaled(draft, below, op.negative, rank)
    return draft.node("Where", [draft.node("Less", [x, zero]), falling, rising])
