"""A graph as one combinational circuit, by running it on symbols instead of integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hwkit.errors import BudgetInfeasible, UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Op,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Slice,
    Sub,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.sums import bias_of
from hwkit.ir.types import Array
from hwkit.targets.rtl import unrolled_arith as symbolic
from hwkit.targets.rtl.unrolled_arith import TARGET, Symbol

OPS: frozenset[type[Op]] = frozenset(
    {
        Add,
        Clamp,
        Concat,
        Constant,
        Conv2d,
        Dense,
        DepthwiseConv2d,
        Lookup,
        MaxPool2d,
        Pad,
        Requantize,
        Reshape,
        ResizeNearest,
        Slice,
        Sub,
        SumPool2d,
        Transpose,
    }
)
"""What ``trace`` has a form of."""


def trace(graph: Graph, adders_per_stage: int) -> Any:
    """The circuit (a da4ml ``CombLogic``) from all integers of the inputs, then of the states, to
    all of the outputs, then of the states' next values.

    Raises ``UnsupportedOp`` naming the op and the remedy, ``BudgetInfeasible`` for a network so
    deep that da4ml can't follow the path from an output to the input.
    """
    from da4ml.trace import comb_trace

    values: dict[str, Array] = {}
    for name in (*graph.inputs, *(state.tensor for state in graph.states)):
        tensor = graph.tensors[name]
        low, high = tensor.dtype.low, tensor.dtype.high
        made = symbolic.inputs(tensor.elements, low, high, adders_per_stage)
        values[name] = made.reshape(tensor.shape)
    sources = np.concatenate([value.ravel() for value in values.values()])
    for op in graph.nodes:
        like = [values[name] for name in activations(op)] or [sources]
        values[op.output] = _step(graph, op, like)
    results = (*graph.outputs, *(state.update for state in graph.states))
    sinks = np.concatenate([values[name].ravel() for name in results])
    try:
        return comb_trace(sources, sinks, keep_dead_inputs=True)
    except RecursionError as error:
        raise BudgetInfeasible(
            f"{graph.name}: {len(graph.nodes)} layers are too many to unroll; use a network with "
            "fewer, or a board whose style is folded (rtl_sim)"
        ) from error


def _step(graph: Graph, op: Op, xs: list[Array]) -> Array:
    match op:
        case Dense():
            weight, bias = graph.constants[op.weight].astype(np.int64), bias_of(op, graph.constants)
            x = _centred(xs[0], op.input_zero_point)
            return _finished(op, symbolic.matrix_product(x, weight, bias))
        case Conv2d() | DepthwiseConv2d():
            return _finished(op, _convolution(graph, op, xs[0]))
        case Add() | Sub():
            return _finished(op, _sum(op, xs))
        case SumPool2d():
            x = _padded(_centred(xs[0], op.input_zero_point), op.padding, 0)
            return _finished(op, _pool(op, x, lambda p, q: p + q))
        case MaxPool2d():
            x = _padded(xs[0], op.padding, graph.tensors[op.input].dtype.low)
            return _pool(op, x, lambda p, q: p.max_of(q))
        case Requantize():
            x = _centred(xs[0], op.input_zero_point)
            return symbolic.rescale(x, op.rescale, op.name)
        case Clamp():
            return symbolic.each(xs[0], lambda v: symbolic.clamp(v, op.low, op.high))
        case Lookup():
            table, low = graph.constants[op.table], graph.tensors[op.input].dtype.low
            return symbolic.each(xs[0], lambda v: _looked_up(v, table, low))
        case _:
            return _moved(graph, op, xs)


def _moved(graph: Graph, op: Op, xs: list[Array]) -> Array:
    """Ops that only move integers: wires in a circuit."""
    match op:
        case Reshape():
            return xs[0].reshape(graph.tensors[op.output].shape)
        case Transpose():
            return xs[0].transpose(op.permutation)
        case Concat():
            return np.concatenate(xs, axis=op.axis)
        case ResizeNearest():
            return xs[0][list(op.rows)][:, list(op.columns)]
        case Slice():
            steps = zip(op.begin, op.size, op.stride, strict=True)
            moved: Array = xs[0][np.ix_(*(np.arange(n) * step + first for first, n, step in steps))]
            return moved
        case Pad():
            return _padded(xs[0], op.padding, op.value)
        case Constant():
            return symbolic.constants(graph.constants[op.value], xs[0])
        case _:
            remedy = "compute it on the host, after the network"
            raise UnsupportedOp(op.name, TARGET, f"{type(op).__name__} has no form: {remedy}")


def _centred(x: Array, zero_point: int) -> Array:
    return symbolic.each(x, lambda v: v - zero_point) if zero_point else x


def _padded(x: Array, padding: Padding, value: int) -> Array:
    rows = x.shape[0] + padding.top + padding.bottom
    columns = x.shape[1] + padding.left + padding.right
    result = symbolic.constants(np.full((rows, columns, x.shape[2]), value), x)
    result[padding.top :, padding.left :][: x.shape[0], : x.shape[1]] = x
    return result


def _finished(op: Conv2d | DepthwiseConv2d | Dense | Add | Sub | SumPool2d, sums: Array) -> Array:
    return sums if op.rescale is None else symbolic.rescale(sums, op.rescale, op.name)


def _sum(op: Add | Sub, xs: list[Array]) -> Array:
    a, b = (
        _rescaled_operand(op, _centred(x, zero_point), r)
        for x, zero_point, r in zip(xs, op.input_zero_points, op.input_rescales, strict=True)
    )
    if isinstance(op, Sub):
        return symbolic.pairwise(a, b, lambda p, q: p - q)
    return symbolic.pairwise(a, b, lambda p, q: p + q)


def _rescaled_operand(op: Add | Sub, x: Array, r: Rescale | None) -> Array:
    """``r`` of ``x``; one channel that is repeated is repeated before a rescale by channel."""
    if r is None:
        return x
    if r.channels > x.shape[-1]:
        x = np.repeat(x, r.channels, axis=-1)
    return symbolic.rescale(x, r, op.name)


def _looked_up(symbol: Symbol, table: Array, low: int) -> Symbol:
    reachable = table[int(symbol.low) - low : int(symbol.high) - low + 1]
    if (reachable == reachable[0]).all():
        return symbol.from_const(float(reachable[0]), hwconf=symbol.hwconf)
    return symbol.lookup(reachable.astype(np.float64))


def _convolution(graph: Graph, op: Conv2d | DepthwiseConv2d, x: Array) -> Array:
    """Each place of the output as a matrix product, constant borders folded into the bias."""
    weight, bias = graph.constants[op.weight].astype(np.int64), bias_of(op, graph.constants)
    x = _padded(_centred(x, op.input_zero_point), op.padding, 0)
    rows = np.arange(weight.shape[1]) * op.dilation[0]
    columns = np.arange(weight.shape[2]) * op.dilation[1]
    result = np.empty(graph.tensors[op.output].shape, object)
    for i, j in np.ndindex(result.shape[:2]):
        window = x[rows + i * op.stride[0]][:, columns + j * op.stride[1]]
        if isinstance(op, Conv2d):
            kernel = weight.reshape(len(weight), -1)
            result[i, j] = symbolic.matrix_product(window.ravel(), kernel, bias)
        else:
            result[i, j] = _by_channel(window, weight[0], bias)
    return result


def _by_channel(window: Array, weight: Array, bias: Array) -> Array:
    """Window (KH, KW, C) with weights (KH, KW, C*M): output c*M + m reads channel c."""
    times = weight.shape[2] // window.shape[2]
    parts = []
    for channel in range(window.shape[2]):
        outputs = slice(channel * times, (channel + 1) * times)
        kernel = weight[..., outputs].reshape(-1, times).T
        taps = window[..., channel].ravel()
        parts.append(symbolic.matrix_product(taps, kernel, bias[outputs]))
    return np.concatenate(parts)


def _pool(op: SumPool2d | MaxPool2d, x: Array, join: Callable[[Symbol, Symbol], Symbol]) -> Array:
    rows = (x.shape[0] - op.kernel[0]) // op.stride[0] + 1
    columns = (x.shape[1] - op.kernel[1]) // op.stride[1] + 1
    result = np.empty((rows, columns, x.shape[2]), object)
    for i, j, channel in np.ndindex(result.shape):
        top, left = i * op.stride[0], j * op.stride[1]
        window = x[top : top + op.kernel[0], left : left + op.kernel[1], channel]
        result[i, j, channel] = symbolic.tree(list(window.ravel()), join)
    return result
