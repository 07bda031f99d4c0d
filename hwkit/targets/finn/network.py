"""An integer graph in FINN's dialect: products of integers, and thresholds for every rescale.

Scales do not occur: a convolution is a sliding window, a product and thresholds that hold bias,
rescale and clamp (``lower.thresholds``), so any multiplier and any rounding come out exact.
"""

from __future__ import annotations

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Op,
    Pad,
    Requantize,
    Reshape,
    SumPool2d,
    activations,
)
from hwkit.ir.sums import bias_of, folded_bias, least_and_most
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array
from hwkit.targets.finn.graph import TARGET, Builder, Network, Tensor
from hwkit.targets.finn.sums import addition, finish, sum_tensor
from hwkit.targets.finn.thresholding import check_monotone, of_function, requantized
from hwkit.targets.finn.windows import Window, max_pool, mean_pool, pad, sum_pool, windows


def network(graph: Graph) -> Network:
    """FINN's graph of ``graph``, which has no states, its rescales fused where they can be.

    Tensors keep their names; what no output needs is left out. ``UnsupportedOp`` names the op that
    has no exact form there.
    """
    needed = _needed(graph)
    outputs = tuple(n for n in dict.fromkeys(graph.outputs) if n not in graph.inputs)
    if not outputs:
        why = "it computes nothing, and FINN has no layer that passes an input on; leave it out"
        raise UnsupportedOp(graph.name, TARGET, why)
    inputs = tuple(name for name in graph.inputs if name in needed)
    b = Builder()
    for name in inputs:
        tensor = graph.tensors[name]
        b.op_name = name
        b.tensor(name, (1, *tensor.shape), tensor.dtype.low, tensor.dtype.high)
    for b.layer, op in enumerate(graph.nodes):
        if op.output not in needed:
            continue
        b.op_name = op.name
        xs = [b.tensors[name] for name in activations(op)]
        shape = (1, *graph.tensors[op.output].shape)
        _append(b, graph, op, xs, Tensor(op.output, shape, 0, 0))
    return b.network(inputs, outputs)


def _needed(graph: Graph) -> set[str]:
    """Tensors that ops read or outputs are, of ops that an output depends on."""
    needed = set(graph.outputs) - set(graph.inputs)
    for op in reversed(graph.nodes):
        if op.output in needed:
            needed.update(activations(op))
    return needed


def _append(b: Builder, graph: Graph, op: Op, xs: list[Tensor], y: Tensor) -> None:
    match op:
        case Conv2d():
            _convolution(b, graph, op, xs[0], y)
        case DepthwiseConv2d():
            _depthwise(b, graph, op, xs[0], y)
        case Dense():
            weight = graph.constants[op.weight].astype(np.int64)
            _product(b, op, xs[0], xs[0], weight, _bias(graph, op, weight), y)
        case SumPool2d():
            sum_pool(b, op, xs[0], y)
        case AvgPool2d():
            mean_pool(b, op, xs[0], y)
        case MaxPool2d():
            max_pool(b, op, xs[0], y)
        case Add():
            addition(b, op, xs, y)
        case Requantize():
            requantized(b, xs[0], y, op.rescale, -op.input_zero_point)
        case Clamp():
            of_function(b, xs[0], y, lambda a: np.clip(a, op.low, op.high))
        case Lookup():
            table = graph.constants[op.table].astype(np.int64)
            low = graph.tensors[op.input].dtype.low
            check_monotone(b, table)
            of_function(b, xs[0], y, lambda a: table[a - low])
        case Pad():
            pad(b, op, xs[0], y)
        case Reshape():
            _reshape(b, graph, op, xs[0], y)
        case _:
            raise UnsupportedOp(
                op.name,
                TARGET,
                f"{type(op).__name__} has no FINN layer; use convolution, dense, add and pooling",
            )


def _reshape(b: Builder, graph: Graph, op: Reshape, x: Tensor, y: Tensor) -> None:
    readers = [reader for reader in graph.nodes if op.output in activations(reader)]
    # FINN wires the reader of a flattened map to the map itself: one that sees no shape, and one
    # only, since it forgets the others.
    shapeless = all(isinstance(r, Dense | Requantize | Clamp | Lookup) for r in readers)
    if not shapeless or len(readers) + (op.output in graph.outputs) > 1:
        raise b.unsupported("FINN takes a reshape only in front of one dense layer; put it there")
    shape = b.indices("shape", y.shape)
    b.node("Reshape", (x.name, shape), b.tensor(y.name, y.shape, x.low, x.high))


def _bias(graph: Graph, op: Weighted, weight: Array) -> Array:
    """What is added to each output's sum of products: the bias, less the input's zero point.
    ``weight`` is (O, inputs of one output)."""
    return folded_bias(weight, bias_of(op, graph.constants), op.input_zero_point)


def _convolution(b: Builder, graph: Graph, op: Conv2d, x: Tensor, y: Tensor) -> None:
    weight = graph.constants[op.weight].astype(np.int64)
    outputs, height, width, _ = weight.shape
    rows = weight.reshape(outputs, -1)
    w = Window((height, width), op.stride, op.padding, op.dilation, op.input_zero_point)
    window = x if w.is_pixel else windows(b, w, x, y)
    _product(b, op, x, window, rows, _bias(graph, op, rows), y)


def _depthwise(b: Builder, graph: Graph, op: DepthwiseConv2d, x: Tensor, y: Tensor) -> None:
    weight = graph.constants[op.weight].astype(np.int64)
    _, height, width, channels = weight.shape
    if channels != x.shape[-1]:
        raise b.unsupported(
            f"{channels // x.shape[-1]} outputs of each channel; use one, then a 1x1 convolution"
        )
    kernel = (height, width)
    w = Window(kernel, op.stride, op.padding, op.dilation, op.input_zero_point, depthwise=True)
    window = windows(b, w, x, y)
    rows = weight.reshape(-1, channels).T
    _check_weights(b, rows)
    # FINN takes the diagonal of a whole matrix, and its annotation tells what it is.
    matrix = np.zeros((height * width, channels, channels), np.int64)
    matrix[:, range(channels), range(channels)] = weight.reshape(-1, channels)
    name = b.constant("weights", matrix.reshape(-1, channels), sparsity=kernel)
    _product_with(b, op, name, rows, x, window, _bias(graph, op, rows), y)


def _product(
    b: Builder, op: Conv2d | Dense, x: Tensor, window: Tensor, rows: Array, bias: Array, y: Tensor
) -> None:
    _check_weights(b, rows)
    _product_with(b, op, b.constant("weights", rows.T), rows, x, window, bias, y)


def _product_with(
    b: Builder,
    op: Weighted,
    name: str,
    rows: Array,
    x: Tensor,
    window: Tensor,
    bias: Array,
    y: Tensor,
) -> None:
    """``window`` times the constant ``name``, whose columns without the zeros are ``rows``."""
    low, high = _sums(rows, x)
    sums = sum_tensor(b, op.rescale, low, high, bias, y)
    b.node("MatMul", (window.name, name), sums)
    finish(b, op.rescale, sums, low, high, bias, y)


def _check_weights(b: Builder, rows: Array) -> None:
    """FINN's generators take no weights of one bit that mean 0 and 1, or -1 and 0."""
    if rows.max() - rows.min() <= 1 and abs(rows).max() <= 1:
        raise b.unsupported("its weights are of one bit; FINN takes 2 bits and more")


def _sums(rows: Array, x: Tensor) -> tuple[Array, Array]:
    """Least and largest sum of products of each output, partial sums included."""
    return least_and_most(rows, min(x.low, 0), max(x.high, 0))
