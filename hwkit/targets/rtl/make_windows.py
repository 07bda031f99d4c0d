"""Ops that slide a window over a map, and dense layers, as layers of a core."""

from __future__ import annotations

import numpy as np

from hwkit.ir.ops import (
    NO_PADDING,
    AvgPool2d,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Pad,
    Padding,
    Rescale,
    Rounding,
    SumPool2d,
)
from hwkit.ir.sums import bias_of, folded_bias
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array, IntType
from hwkit.targets.rtl import khot
from hwkit.targets.rtl.layers import (
    MAXIMUM,
    MULTIPLY,
    ONES,
    Border,
    Lanewise,
    Matrix,
    Window,
)
from hwkit.targets.rtl.maker import Maker
from hwkit.targets.rtl.ranges import Range, of_type, signed_bits, sums
from hwkit.targets.rtl.rescaling import Scaling, mean, scaling


def matrix(m: Maker, op: Conv2d | Dense) -> None:
    weight = m.graph.constants[op.weight].astype(np.int64)
    shape = m.graph.tensors[op.input].shape
    if isinstance(op, Conv2d):
        kernel = (weight.shape[1], weight.shape[2])
        window = _window(m, op, kernel, op.padding, op.input_zero_point)
    else:
        places = int(np.prod(shape[:-1]))
        ones = (1, 1)
        window = Window(places, 1, shape[-1], ones, ones, ones, NO_PADDING, places, 1, 0)
    weights = weight.reshape(len(weight), -1, weight.shape[-1])
    flat = weights.reshape(len(weights), -1)
    source, bias = m.real(op.input), _bias(m, op, flat)
    total = sums(flat, bias, _padded(m, m.values[source].range, window))
    acc, made, value = m.finished(op, total, op.rescale)
    bits = m.signs.get(source) if window.padding == NO_PADDING else None
    signs = bits is not None and bool((np.abs(weights) == 1).all())
    if bits is not None and signs:
        source, bias = bits, bias - flat.shape[1]
    layer = Matrix(
        op.name,
        (source,),
        op.output,
        window,
        m.values[source].dtype,
        weights,
        1 if signs else _weight_bits(weights),
        _hot(weights),
        bias,
        acc.bits,
        made,
        signs,
    )
    m.put(layer, value.dtype, value.range)


def depthwise(m: Maker, op: DepthwiseConv2d) -> None:
    weight = m.graph.constants[op.weight].astype(np.int64)
    kernel = (weight.shape[1], weight.shape[2])
    matrix = np.moveaxis(weight[0], 2, 0).reshape(weight.shape[3], -1)
    window = _window(m, op, kernel, op.padding, op.input_zero_point)
    _lanewise(m, op, window, matrix, _bias(m, op, matrix), op.rescale, MULTIPLY)


def _lanewise(
    m: Maker,
    op: DepthwiseConv2d | SumPool2d,
    window: Window,
    matrix: Array,
    bias: Array,
    r: Rescale | None,
    kind: int,
) -> None:
    x = m.value(op.input)
    total = sums(matrix, bias, _padded(m, x.range, window))
    acc, made, value = m.finished(op, total, r)
    layer = Lanewise(
        op.name,
        (m.real(op.input),),
        op.output,
        window,
        x.dtype,
        matrix if kind == MULTIPLY else None,
        _weight_bits(matrix),
        _hot(matrix),
        bias,
        acc.bits,
        made,
        kind,
        len(matrix) // window.channels,
    )
    m.put(layer, value.dtype, value.range)


def pool(m: Maker, op: SumPool2d | AvgPool2d | MaxPool2d) -> None:
    x = m.value(op.input)
    if isinstance(op, MaxPool2d):
        _maximum(m, op, m.real(op.input), op.name, op.output)
        bits = m.signs.get(m.real(op.input))
        if bits is not None and op.padding == NO_PADDING:
            m.signs[op.output] = f"{op.output}/bits"
            _maximum(m, op, bits, f"{op.name}/bits", m.signs[op.output])
        return
    if isinstance(op, SumPool2d):
        window = _window(m, op, op.kernel, op.padding, op.input_zero_point)
        ones = np.ones((window.channels, window.taps), np.int64)
        bias = np.full(window.channels, -op.input_zero_point * window.taps)
        _lanewise(m, op, window, ones, bias, op.rescale, ONES)
        return
    window = _window(m, op, op.kernel, op.padding, 0)
    total = Range(min(x.range.low, 0) * window.taps, max(x.range.high, 0) * window.taps)
    acc = IntType(signed_bits(total), True)
    dtype = m.graph.tensors[op.output].dtype
    made = mean(window.counts, op.low, op.high, acc, total, dtype, op.name)
    _whole(m, op.name, m.real(op.input), op.output, window, acc, made, ONES)


def _maximum(m: Maker, op: MaxPool2d, tensor: str, name: str, output: str) -> None:
    """``output`` is the pool ``op`` of ``tensor``."""
    x = m.values[tensor]
    window = _window(m, op, op.kernel, op.padding, x.dtype.low)
    total = _padded(m, x.range, window)
    acc = IntType(signed_bits(total), True)
    copied = Rescale((1,), (0,), Rounding.FLOOR, x.dtype.low, x.dtype.high)
    made = scaling(copied, acc, total, 0, x.dtype, name)
    _whole(m, name, tensor, output, window, acc, made, MAXIMUM)


def _whole(
    m: Maker,
    name: str,
    tensor: str,
    output: str,
    window: Window,
    acc: IntType,
    made: Scaling,
    kind: int,
) -> None:
    """A pool without weights, of kind ``ONES`` or ``MAXIMUM``."""
    x = m.values[tensor]
    layer = Lanewise(
        name,
        (tensor,),
        output,
        window,
        x.dtype,
        None,
        1,
        1,
        np.zeros(window.channels, np.int64),
        acc.bits,
        made,
        kind,
    )
    m.put(layer, made.dtype, made.result)


def pad(m: Maker, op: Pad) -> None:
    x = m.value(op.input)
    window = _window(m, op, (1, 1), op.padding, op.value)
    surrounded, dtype = x.range.with_value(op.value), x.dtype
    if not dtype.low <= op.value <= dtype.high:
        dtype = IntType(max(signed_bits(of_type(dtype)), signed_bits(surrounded)), True)
    layer = Border(op.name, (m.real(op.input),), op.output, window, dtype)
    m.put(layer, dtype, surrounded)


def _window(
    m: Maker,
    op: Conv2d | DepthwiseConv2d | SumPool2d | AvgPool2d | MaxPool2d | Pad,
    kernel: tuple[int, int],
    padding: Padding,
    pad: int,
) -> Window:
    height, width, channels = m.graph.tensors[op.input].shape
    out_height, out_width, _ = m.graph.tensors[op.output].shape
    stride = (1, 1) if isinstance(op, Pad) else op.stride
    dilation = op.dilation if isinstance(op, Conv2d | DepthwiseConv2d) else (1, 1)
    return Window(
        height, width, channels, kernel, stride, dilation, padding, out_height, out_width, pad
    )


def _bias(m: Maker, op: Weighted, matrix: Array) -> Array:
    """Bias of sums over the stored integers: the zero point's share is constant, since
    borders are padded with it."""
    return folded_bias(matrix, bias_of(op, m.graph.constants), op.input_zero_point)


def _padded(m: Maker, x: Range, window: Window) -> Range:
    return x if window.padding == NO_PADDING else x.with_value(window.pad)


def _weight_bits(weights: Array) -> int:
    """Bits of the weights that are really there, signed."""
    return signed_bits(Range(int(weights.min()), int(weights.max())))


def _hot(weights: Array) -> int:
    """The most signed powers of two in one of the weights, at least one."""
    return max(int(khot.digits(weights).max()), 1)
