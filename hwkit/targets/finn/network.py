"""An integer graph in FINN's dialect: products of integers, and thresholds for every rescale.

Scales do not occur: a convolution is a sliding window, a product and thresholds that hold bias,
rescale and clamp (``lower.thresholds``), so any multiplier and any rounding come out exact.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.arith import rescale
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
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
    Padding,
    Requantize,
    Rescale,
    Reshape,
    SumPool2d,
    activations,
)
from hwkit.ir.types import Array
from hwkit.lower.thresholds import rescale_thresholds, shared_row, thresholds
from hwkit.targets.finn.graph import TARGET, Builder, Network, Tensor

MAX_THRESHOLDS = 1023
"""FINN stores every one of them for every channel."""

_MAX_TABLE = 1 << 16
"""Inputs for which a function is evaluated to see whether it is a line."""


def network(graph: Graph) -> Network:
    """FINN's graph of ``graph``, whose rescales are fused where they can be.

    Tensors keep their names. ``UnsupportedOp`` names the op that has no exact form there.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.outputs == graph.inputs:
        counts = f"{len(graph.inputs)} and {len(graph.outputs)}"
        why = f"FINN takes one input and one output with layers between, not {counts}; split it"
        raise UnsupportedOp(graph.name, TARGET, why)
    b = Builder()
    for name in graph.inputs:
        tensor = graph.tensors[name]
        b.op_name = name
        b.tensor(name, (1, *tensor.shape), tensor.dtype.low, tensor.dtype.high)
    for b.layer, op in enumerate(graph.nodes):
        b.op_name = op.name
        xs = [b.tensors[name] for name in activations(op)]
        shape = (1, *graph.tensors[op.output].shape)
        _append(b, graph, op, xs, Tensor(op.output, shape, 0, 0))
    return b.network(graph.inputs[0], graph.outputs[0])


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
            _sum_pool(b, op, xs[0], y)
        case AvgPool2d():
            _mean(b, op, xs[0], y)
        case MaxPool2d():
            _maximum(b, op, xs[0], y)
        case Add():
            _addition(b, op, xs, y)
        case Requantize():
            _thresholds_of(b, xs[0], y, op.rescale, -op.input_zero_point)
        case Clamp():
            _function(b, xs[0], y, lambda a: np.clip(a, op.low, op.high))
        case Lookup():
            table = graph.constants[op.table].astype(np.int64)
            low = graph.tensors[op.input].dtype.low
            _monotone(b, table)
            _function(b, xs[0], y, lambda a: table[a - low])
        case Pad():
            _pad(b, op, xs[0], y)
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


# Products


def _bias(graph: Graph, op: Conv2d | DepthwiseConv2d | Dense, weight: Array) -> Array:
    """What is added to each output's sum of products: the bias, less the input's zero point.
    ``weight`` is (O, inputs of one output)."""
    bias = np.zeros(len(weight), np.int64)
    if op.bias is not None:
        bias = graph.constants[op.bias].astype(np.int64)
    total: Array = bias - op.input_zero_point * weight.sum(axis=1)
    return total


def _convolution(b: Builder, graph: Graph, op: Conv2d, x: Tensor, y: Tensor) -> None:
    weight = graph.constants[op.weight].astype(np.int64)
    outputs, height, width, _ = weight.shape
    rows = weight.reshape(outputs, -1)
    window = x
    if (height, width) != (1, 1) or op.stride != (1, 1) or op.padding != NO_PADDING:
        kernel = (height, width)
        window = _window(b, x, kernel, op.stride, op.padding, op.dilation, y, op.input_zero_point)
    _product(b, op, x, window, rows, _bias(graph, op, rows), y)


def _depthwise(b: Builder, graph: Graph, op: DepthwiseConv2d, x: Tensor, y: Tensor) -> None:
    weight = graph.constants[op.weight].astype(np.int64)
    _, height, width, channels = weight.shape
    if channels != x.shape[-1]:
        raise b.unsupported(
            f"{channels // x.shape[-1]} outputs of each channel; use one, then a 1x1 convolution"
        )
    kernel = (height, width)
    window = _window(
        b, x, kernel, op.stride, op.padding, op.dilation, y, op.input_zero_point, depthwise=1
    )
    rows = weight.reshape(-1, channels).T
    _check_weights(b, rows)
    # FINN takes the diagonal of a whole matrix, and its annotation tells what it is.
    matrix = np.zeros((height * width, channels, channels), np.int64)
    matrix[:, range(channels), range(channels)] = weight.reshape(-1, channels)
    low, high = _sums(rows, x)
    sums = _sum_tensor(b, op.rescale, low, high, _bias(graph, op, rows), y)
    name = b.constant("weights", matrix.reshape(-1, channels), sparsity=kernel)
    b.node("MatMul", (window.name, name), sums)
    _finish(b, op.rescale, sums, low, high, _bias(graph, op, rows), y)


def _product(
    b: Builder, op: Conv2d | Dense, x: Tensor, window: Tensor, rows: Array, bias: Array, y: Tensor
) -> None:
    _check_weights(b, rows)
    low, high = _sums(rows, x)
    sums = _sum_tensor(b, op.rescale, low, high, bias, y)
    name = b.constant("weights", rows.T)
    b.node("MatMul", (window.name, name), sums)
    _finish(b, op.rescale, sums, low, high, bias, y)


def _check_weights(b: Builder, rows: Array) -> None:
    """FINN's generators take no weights of one bit that mean 0 and 1, or -1 and 0."""
    if rows.max() - rows.min() <= 1 and abs(rows).max() <= 1:
        raise b.unsupported("its weights are of one bit; FINN takes 2 bits and more")


def _sums(rows: Array, x: Tensor) -> tuple[Array, Array]:
    """Least and largest sum of products of each output, partial sums included."""
    terms = np.stack([rows * x.low, rows * x.high, np.zeros_like(rows)])
    return terms.min(axis=0).sum(axis=1), terms.max(axis=0).sum(axis=1)


def _sum_tensor(
    b: Builder, r: Rescale | None, low: Array, high: Array, bias: Array, y: Tensor
) -> Tensor:
    """The tensor of sums: the output itself where nothing comes behind them."""
    least, most = min(int(low.min()), 0), max(int(high.max()), 0)
    if r is None and not bias.any():
        return b.tensor(y.name, y.shape, least, most)
    return b.inner("sum", y.shape, least, most)


def _finish(
    b: Builder,
    r: Rescale | None,
    sums: Tensor,
    low: Array,
    high: Array,
    bias: Array,
    y: Tensor,
) -> None:
    """Bias and rescale behind a tensor of sums of ``low[c]..high[c]``."""
    if r is not None:
        _check_levels(b, r.low, r.high)
        t = rescale_thresholds(r, bias, low, high, b.op_name)
        _multi_threshold(b, sums, t, y, r.low, r.high)
    elif bias.any():
        least, most = int((low + bias).min()), int((high + bias).max())
        made = b.tensor(y.name, y.shape, least, most)
        _sum_of(b, (sums.name, sums.low), (b.constant("bias", bias), int(bias.min())), made)


# Windows


def _window(
    b: Builder,
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    y: Tensor,
    zero_point: int,
    depthwise: int = 0,
) -> Tensor:
    """Im2Col: each output position's window as one row, (kernel row, kernel column, channel)."""
    if zero_point and padding != NO_PADDING:
        raise b.unsupported(
            f"it pads with its zero point {zero_point}, FINN with 0; train without zero points"
        )
    pads = (padding.top, padding.left, padding.bottom, padding.right)
    for size, k, around in (
        (x.shape[1], kernel[0], pads[::2]),
        (x.shape[2], kernel[1], pads[1::2]),
    ):
        if size == 1 and (k > 1 or any(around)):
            raise b.unsupported(f"a window of {k} over one row or column; use a window of 1 there")
    least, most = (min(x.low, 0), max(x.high, 0)) if any(pads) else (x.low, x.high)
    shape = (1, *y.shape[1:3], prod(kernel) * x.shape[3])
    return b.node(
        "Im2Col",
        (x.name,),
        b.inner("window", shape, least, most),
        custom=True,
        stride=_within_map(stride, x, pads),
        kernel_size=list(kernel),
        pad_amount=list(pads),
        input_shape=f"({','.join(map(str, x.shape))})",
        depthwise=depthwise,
        dilations=list(dilation),
    )


def _within_map(stride: tuple[int, int], x: Tensor, pads: tuple[int, ...]) -> list[int]:
    """``stride``, no longer than the padded map: FINN takes none that is, and there is but one
    window then."""
    return [min(s, x.shape[k + 1] + pads[k] + pads[k + 2]) for k, s in enumerate(stride)]


def _reduced(
    b: Builder, op: SumPool2d | AvgPool2d | MaxPool2d, x: Tensor, kind: str, y: Tensor
) -> None:
    """Window, one axis for its places, and their sum or maximum."""
    zero_point = op.input_zero_point if isinstance(op, SumPool2d) else 0
    window = _window(b, x, op.kernel, op.stride, op.padding, (1, 1), y, zero_point, depthwise=1)
    places = prod(op.kernel)
    shape = (*y.shape[:3], places, y.shape[3])
    split = b.inner("places", shape, window.low, window.high)
    b.node("Reshape", (window.name, b.indices("shape", shape)), split)
    b.node(kind, (split.name, b.indices("axes", (3,))), b.tensors[y.name], keepdims=0)


def _pool_sums(b: Builder, op: SumPool2d | AvgPool2d, x: Tensor, y: Tensor) -> Tensor:
    places = prod(op.kernel)
    sums = b.inner("sum", y.shape, min(0, places * x.low), max(0, places * x.high))
    _reduced(b, op, x, "ReduceSum", sums)
    return sums


def _sum_pool(b: Builder, op: SumPool2d, x: Tensor, y: Tensor) -> None:
    places = prod(op.kernel)
    bias = np.full(y.shape[3], -op.input_zero_point * places)
    low, high = (
        np.full(len(bias), min(0, places * x.low)),
        np.full(len(bias), max(0, places * x.high)),
    )
    sums = _sum_tensor(b, op.rescale, low, high, bias, y)
    _reduced(b, op, x, "ReduceSum", sums)
    _finish(b, op.rescale, sums, low, high, bias, y)


def _mean(b: Builder, op: AvgPool2d, x: Tensor, y: Tensor) -> None:
    if op.padding != NO_PADDING:
        raise b.unsupported("a mean with padding divides by fewer places at the borders; unpad it")
    places = prod(op.kernel)

    def mean(a: Array) -> Array:
        # Half away from zero, as TFLite's average.
        rounded = np.where(a > 0, a + places // 2, a - places // 2)
        quotient: Array = np.sign(rounded) * (np.abs(rounded) // places)
        return np.clip(quotient, op.low, op.high)

    _function(b, _pool_sums(b, op, x, y), y, mean)


def _maximum(b: Builder, op: MaxPool2d, x: Tensor, y: Tensor) -> None:
    if op.padding != NO_PADDING and x.low < 0:
        raise b.unsupported(
            "FINN pads with 0, which can win over negative integers; take the maximum behind a ReLU"
        )
    b.tensor(y.name, y.shape, x.low, x.high)
    _reduced(b, op, x, "ReduceMax", y)


def _pad(b: Builder, op: Pad, x: Tensor, y: Tensor) -> None:
    if op.value:
        raise b.unsupported(f"FINN pads with 0, this with {op.value}; train without zero points")
    p = op.padding
    pads = b.indices("pads", (p.top, p.left, p.bottom, p.right))
    value, axes = b.constant("value", np.zeros(1)), b.indices("axes", (1, 2))
    made = b.tensor(y.name, y.shape, min(x.low, 0), max(x.high, 0))
    b.node("Pad", (x.name, pads, value, axes), made, mode="constant")


# Sums of two tensors


def _addition(b: Builder, op: Add, xs: list[Tensor], y: Tensor) -> None:
    if xs[0].shape != xs[1].shape:
        raise b.unsupported(
            f"shapes {xs[0].shape[1:]} and {xs[1].shape[1:]} differ; add equal ones"
        )
    offset = np.zeros(y.shape[-1], np.int64)
    terms = []
    for x, zero_point, r in zip(xs, op.input_zero_points, op.input_rescales, strict=True):
        term, added = _term(b, x, zero_point, r)
        terms.append(term)
        offset += added
    least, most = sum(t.low for t in terms), sum(t.high for t in terms)
    low, high = np.full(len(offset), least), np.full(len(offset), most)
    sums = _sum_tensor(b, op.rescale, low, high, offset, y)
    first, second = ((term.name, term.low) for term in terms)
    _sum_of(b, first, second, sums)
    _finish(b, op.rescale, sums, low, high, offset, y)


def _sum_of(b: Builder, first: tuple[str, int], second: tuple[str, int], made: Tensor) -> None:
    """Sum of two operands, each a name and its least value.

    The unsigned one comes first: FINN 1.6 gives the sum of a signed and an unsigned operand of
    one width a bit too few when the signed one does.
    """
    if first[1] < 0 <= second[1]:
        first, second = second, first
    b.node("Add", (first[0], second[0]), made)


def _term(b: Builder, x: Tensor, zero_point: int, r: Rescale | None) -> tuple[Tensor, Array]:
    """An operand brought to the common scale, and what is still to be added to it.

    A whole multiple is a product with a constant; anything else that takes few enough values is
    a row of thresholds.
    """
    channels = x.shape[-1]
    if r is None:
        return x, np.full(channels, -zero_point)
    if x.high - x.low >= _MAX_TABLE:
        raise b.unsupported("an operand of more than 16 bits; requantize it first")
    inputs = np.arange(x.low, x.high + 1)[:, np.newaxis] - zero_point
    table = rescale(np.broadcast_to(inputs, (len(inputs), channels)), r, b.op_name)
    factor = table[-1] - table[-2] if len(table) > 1 else np.zeros(channels, np.int64)
    offset = table[0] - factor * x.low
    if (table == factor * np.arange(x.low, x.high + 1)[:, np.newaxis] + offset).all():
        if (factor == 1).all():
            return x, offset
        ends = np.stack([factor * x.low, factor * x.high])
        scaled = b.inner("scaled", x.shape, int(ends.min()), int(ends.max()))
        name = b.constant("factor", factor[:1] if (factor == factor[0]).all() else factor)
        return b.node("Mul", (x.name, name), scaled), offset
    first, last = int(table.min()), int(table.max())
    if last - first > MAX_THRESHOLDS:
        raise b.unsupported(
            f"an operand is rescaled by no whole number, into {last - first + 1} values (FINN "
            f"takes {MAX_THRESHOLDS + 1}); train with power-of-two scales, or one scale for both"
        )
    made = b.inner("rescaled", x.shape, first, last)
    bias = np.full(channels, -zero_point)
    low, high = np.full(channels, x.low), np.full(channels, x.high)
    narrowed = thresholds(lambda a: rescale(a + bias, r, b.op_name), low, high, first, last)
    return _emit_thresholds(b, x, shared_row(narrowed), made, first), np.zeros(channels, np.int64)


# Thresholds


def _thresholds_of(b: Builder, x: Tensor, y: Tensor, r: Rescale, bias: int) -> None:
    _check_levels(b, r.low, r.high)
    channels = x.shape[-1]
    low, high = np.full(channels, x.low), np.full(channels, x.high)
    t = rescale_thresholds(r, np.full(channels, bias), low, high, b.op_name)
    _multi_threshold(b, x, t, y, r.low, r.high)


def _function(b: Builder, x: Tensor, y: Tensor, function: Callable[[Array], Array]) -> None:
    """A function of one integer that never falls, as thresholds."""
    low, high = np.array([x.low]), np.array([x.high])
    first, last = int(function(low)[0]), int(function(high)[0])
    _check_levels(b, first, last)
    _multi_threshold(b, x, thresholds(function, low, high, first, last), y, first, last)


def _monotone(b: Builder, table: Array) -> None:
    if (np.diff(table) < 0).any():
        raise b.unsupported("its table falls somewhere, thresholds only rise; use a ReLU")


def _check_levels(b: Builder, first: int, last: int) -> None:
    if last - first > MAX_THRESHOLDS:
        raise b.unsupported(
            f"{last - first} thresholds for {first}..{last}, FINN takes {MAX_THRESHOLDS}; use "
            "activations of at most 10 bits"
        )


def _multi_threshold(b: Builder, x: Tensor, t: Array, y: Tensor, first: int, last: int) -> None:
    _emit_thresholds(b, x, t, b.tensor(y.name, y.shape, first, last), first)


def _emit_thresholds(b: Builder, x: Tensor, t: Array, made: Tensor, first: int) -> Tensor:
    if not t.shape[1]:
        t = np.full((1, 1), x.high + 1)  # one value only: a threshold that nothing reaches
    return b.node(
        "MultiThreshold",
        (x.name, b.constant("thresholds", t)),
        made,
        custom=True,
        out_dtype=made.datatype,
        out_bias=float(first),
        data_layout="NHWC" if len(made.shape) == 4 else "NC",
    )
