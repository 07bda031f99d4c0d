"""Layers with weights, and what folds into them: bias, batch norm, ReLU, clip."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import as_map, features_last, last
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import narrow, settle
from hwkit.importers.qonnx.layout import in_order, permuted
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Fresh, Layer, Real, Weight
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Padding
from hwkit.ir.shapes import extent, output_shape
from hwkit.ir.types import Array


def weight_of(ctx: Context, node: Node, position: int) -> Weight:
    weight = ctx.value(node, position)
    if not isinstance(weight, Weight):
        raise UnsupportedOp(
            node.name, IMPORTER, "its weight is not quantized; use QuantConv2d or QuantLinear"
        )
    if weight.dtype.bits > 9:
        raise UnsupportedOp(node.name, IMPORTER, f"{weight.dtype} weights; use 8 bits or fewer")
    return weight


def per_output(node: Node, weight: Weight, axis: int) -> Array:
    """The weight's scales: one, or one for each output channel (``axis`` of the weight)."""
    scale = weight.scale.reshape(
        (1,) * (weight.integers.ndim - weight.scale.ndim) + weight.scale.shape
    )
    if scale.size == 1:
        return scale.reshape(1)
    if scale.size != scale.shape[axis]:
        raise UnsupportedOp(
            node.name, IMPORTER, f"weight scales of shape {scale.shape}; one per output channel"
        )
    return scale.reshape(-1)


def layer_name(ctx: Context, node: Node, weight: Weight) -> str:
    return ctx.name(node, weight.layer)


def bias_of(ctx: Context, node: Node, position: int, channels: int) -> Array:
    if not ctx.has(node, position):
        return np.zeros(1)
    bias = ctx.numbers(node, position)
    if bias is None or bias.size not in (1, channels):
        raise UnsupportedOp(node.name, IMPORTER, "its bias is no constant of one number a channel")
    return bias.reshape(-1)


def conv(ctx: Context, node: Node) -> None:
    """``Conv`` of one or two spatial axes, with one group or one for each input channel."""
    x, weight = as_map(ctx, node, narrow(ctx, node, 0)), weight_of(ctx, node, 1)
    taps = weight.integers if weight.integers.ndim != 3 else weight.integers[:, :, None, :]
    if taps.ndim != 4 or len(x.shape) != weight.integers.ndim - 1:
        raise UnsupportedOp(
            node.name, IMPORTER, f"weight {taps.shape} on input {x.shape}; use Conv1d or Conv2d"
        )
    source = x.integers
    groups, channels = node.attribute("group", 1), x.shape[0]
    if groups < 1 or taps.shape[0] % groups or taps.shape[1] * groups != channels:
        raise GraphError(
            node.name, f"{groups} groups of {channels} channels, weight {taps.shape}; export again"
        )
    stride, dilation = read_pair(node, "strides"), read_pair(node, "dilations")
    kernel = (taps.shape[2], taps.shape[3])
    padding = read_padding(node, x.shape, kernel, stride, dilation)
    name = layer_name(ctx, node, weight)
    zero_point = source.zero_point
    names = (name, source.tensor, f"{name}.weight", None, name)
    steps = per_output(node, weight, 0)
    x_steps = x.scale
    op: Conv2d | DepthwiseConv2d
    if groups == 1 or groups < channels:
        if x.scale.size > 1:
            raise UnsupportedOp(node.name, IMPORTER, "per-channel activation scales; use one scale")
        op = Conv2d(*names, stride, padding, dilation, zero_point)
        integers, axis = _ungrouped(taps, groups).transpose(0, 2, 3, 1), 0
    else:
        op = DepthwiseConv2d(*names, stride, padding, dilation, zero_point)
        integers, axis = taps[:, 0].transpose(1, 2, 0)[None], 3
        if x.scale.size > 1:
            x_steps = np.repeat(x.scale, taps.shape[0] // groups)
    rows, columns, outputs = output_shape(op, [ctx.graph_shape(x)], integers.shape, ())
    shape = (outputs, rows, columns) if len(x.shape) == 3 else (outputs, columns)
    unit = steps * x_steps
    layer = Layer(op, integers, axis, weight.dtype, unit, source, _one_or_all(x_steps))
    ctx.put(node, Real(layer, shape, unit, bias_of(ctx, node, 2, outputs)))


def _ungrouped(taps: Array, groups: int) -> Array:
    """(O, I / groups, KH, KW) as (O, I, KH, KW), zeros for the channels of other groups."""
    if groups == 1:
        return taps
    outputs, each = taps.shape[:2]
    whole = np.zeros((outputs, each * groups, *taps.shape[2:]), np.int64)
    for g, part in enumerate(np.split(taps, groups)):
        rows = slice(g * outputs // groups, (g + 1) * outputs // groups)
        whole[rows, g * each : (g + 1) * each] = part
    return whole


def _one_or_all(scale: Array) -> float | Array:
    return float(scale[0]) if scale.size == 1 else scale


def read_pair(node: Node, key: str) -> tuple[int, int]:
    """A spatial attribute of one or two axes, 1 where it is not given."""
    values = [1] * (2 - len(given := node.attribute(key, [1, 1]))) + given
    if len(values) != 2 or not all(isinstance(v, int) and v > 0 for v in values):
        raise GraphError(node.name, f"attribute {key!r} is {given!r:.60}; export again")
    return values[0], values[1]


def read_padding(
    node: Node,
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Padding:
    """``pads`` or ``auto_pad`` of a convolution or pool over ``shape`` (C, H, W) or (C, W)."""
    size = (1, *shape[1:])[-2:]
    mode = node.attribute("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        total = [
            max((ceil(n / s) - 1) * s + extent(k, d) - n, 0)
            for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
        ]
        less, more = [t // 2 for t in total], [t - t // 2 for t in total]
        before, after = (less, more) if mode == "SAME_UPPER" else (more, less)
    else:
        pads = node.attribute("pads", [0] * 2 * (len(shape) - 1))
        if mode == "VALID":
            pads = [0] * len(pads)
        if len(pads) != 2 * (len(shape) - 1) or not all(isinstance(p, int) for p in pads):
            raise GraphError(node.name, f"attribute 'pads' is {pads!r:.60}; export again")
        half = len(pads) // 2
        before, after = [0, *pads[:half]][-2:], [0, *pads[half:]][-2:]
    if min(*before, *after) < 0:
        raise UnsupportedOp(node.name, IMPORTER, "negative padding; crop before the layer")
    return Padding(before[0], after[0], before[1], after[1])


def gemm(ctx: Context, node: Node) -> None:
    """``Gemm`` with a constant weight: a dense layer."""
    if node.attribute("transA", 0) or node.attribute("alpha", 1.0) != 1.0:
        raise UnsupportedOp(node.name, IMPORTER, "Gemm with transA or alpha; use QuantLinear")
    if node.attribute("beta", 1.0) != 1.0 and ctx.has(node, 2):
        raise UnsupportedOp(node.name, IMPORTER, "Gemm with beta; use QuantLinear")
    _dense(ctx, node, bool(node.attribute("transB", 0)))


def matmul(ctx: Context, node: Node) -> None:
    """``MatMul`` with a constant weight (I, O); a bias comes as an ``Add`` behind it."""
    _dense(ctx, node, False)


def _dense(ctx: Context, node: Node, output_first: bool) -> None:
    x, weight = features_last(ctx, node, narrow(ctx, node, 0)), weight_of(ctx, node, 1)
    matrix = weight.integers if output_first else weight.integers.T
    if matrix.ndim != 2 or matrix.shape[1] != x.shape[-1]:
        raise UnsupportedOp(
            node.name, IMPORTER, f"weight {weight.integers.shape} on input {x.shape}; flatten first"
        )
    if x.scale.size > 1:
        raise UnsupportedOp(node.name, IMPORTER, "per-channel activation scales; use one scale")
    if x.order is not None:
        matrix = matrix[:, x.order]
    source = x.integers
    name = layer_name(ctx, node, weight)
    op = Dense(name, source.tensor, f"{name}.weight", None, name, source.zero_point)
    unit = per_output(node, weight, 0 if output_first else 1) * x.scale
    layer = Layer(op, matrix, 0, weight.dtype, unit, source, float(x.scale[0]))
    outputs = matrix.shape[0]
    bias = bias_of(ctx, node, 2, outputs) if node.op_type == "Gemm" else np.zeros(1)
    ctx.put(node, Real(layer, (*x.shape[:-1], outputs), unit, bias, axes=x.layout))


def transpose(ctx: Context, node: Node) -> None:
    """``Transpose`` of a weight; that of an activation only names its axes anew."""
    value = ctx.value(node, 0)
    permutation = node.attribute("perm", [])
    if isinstance(value, Weight):
        axes = tuple(permutation) or tuple(reversed(range(value.integers.ndim)))
        if sorted(axes) != list(range(value.integers.ndim)):
            raise GraphError(node.name, f"permutation {axes} does not fit; export again")
        scale = np.broadcast_to(value.scale, value.integers.shape) if value.scale.size > 1 else None
        integers = value.integers.transpose(axes)
        if scale is None:
            ctx.put(node, replace(value, integers=integers))
            return
        widths = [
            1 if np.ptp(scale, axis=a).max() == 0 else scale.shape[a] for a in range(scale.ndim)
        ]
        small = scale[tuple(slice(0, w) for w in widths)].transpose(axes)
        ctx.put(node, replace(value, integers=integers, scale=small))
        return
    if isinstance(value, np.ndarray):
        raise UnsupportedOp(node.name, IMPORTER, "a transposed constant; export its final shape")
    rank = len(value.shape) + 1
    axes = tuple(permutation) or tuple(reversed(range(rank)))
    if sorted(axes) != list(range(rank)):
        raise GraphError(node.name, f"permutation {axes} does not fit; export again")
    if axes[0] != 0:
        raise UnsupportedOp(node.name, IMPORTER, f"permutation {axes}; keep the batch first")
    moved = tuple(axis - 1 for axis in axes[1:])
    if isinstance(value, Fresh):
        ctx.put(node, value if moved == in_order(rank - 1) else value.transposed(moved))
        return
    shape = tuple(value.shape[axis] for axis in moved)
    ctx.put(node, value.under(shape, permuted(value.layout, moved)))


def batch_norm(ctx: Context, node: Node) -> None:
    """``BatchNormalization`` of inference: a gain and an offset for each channel."""
    parameters = [ctx.numbers(node, i) for i in range(1, 5)]
    if any(p is None for p in parameters):
        raise UnsupportedOp(node.name, IMPORTER, "its statistics are no constants; call eval()")
    gamma, beta, mean, variance = (p for p in parameters if p is not None)
    denominator = variance + node.attribute("epsilon", 1e-5)
    if (denominator <= 0).any():
        raise GraphError(node.name, "a variance is not above 0; train again")
    gain = gamma / np.sqrt(denominator)
    real = ctx.real(node, 0)
    if real.layout[-1] != 0:
        real = last(ctx, node, real, 0)
    gain = _channels(ctx, node, real, gain)
    offset = _channels(ctx, node, real, beta) - _channels(ctx, node, real, mean) * gain
    ctx.put(node, affine(ctx, node, real, gain, offset))


def _channels(ctx: Context, node: Node, real: Real, values: Array) -> Array:
    """One number a channel (axis 0 of ``real``), in the order of the graph's last axis."""
    values = values.reshape(-1)
    if values.size not in (1, real.shape[0]):
        raise GraphError(node.name, f"{values.size} numbers for {real.shape[0]} channels")
    return values[real.order] if real.order is not None and values.size > 1 else values


def affine(ctx: Context, node: Node, real: Real, gain: Array, offset: Array) -> Real:
    """``gain * real + offset``, one number or one a channel of the graph's last axis."""
    if real.slope is not None and (offset.any() or (gain <= 0).any()):
        real = settle(ctx, node, real)
    if real.is_clamped:
        if gain.size == 1 and offset.size == 1 and gain[0] > 0:
            low, high = (float(gain[0] * b + offset[0]) for b in (real.low, real.high))
            real = replace(real, low=low, high=high)
        else:
            real = settle(ctx, node, real)
    return replace(real, scale=real.scale * gain, offset=real.offset * gain + offset)


def relu(ctx: Context, node: Node) -> None:
    """``Relu``: a clamp, merged into the quantizer behind it."""
    ctx.put(node, clamped(ctx.real(node, 0), 0.0, np.inf))


def clip(ctx: Context, node: Node) -> None:
    """``Clip`` with constant bounds."""
    bounds = [float(node.attribute("min", -np.inf)), float(node.attribute("max", np.inf))]
    for i in (1, 2):
        if ctx.has(node, i):
            value = ctx.numbers(node, i)
            if value is None or value.size != 1:
                raise UnsupportedOp(node.name, IMPORTER, "its bounds are no single constants")
            bounds[i - 1] = float(value.flat[0])
    ctx.put(node, clamped(ctx.real(node, 0), bounds[0], bounds[1]))


def clamped(real: Real, low: float, high: float) -> Real:
    """``real`` with another clamp behind what is pending."""
    return replace(
        real,
        low=min(max(real.low, low), high),
        high=min(max(real.high, low), high),
    )
