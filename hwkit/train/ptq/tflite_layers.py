"""Layers with weights, and pools, of float ``.tflite`` files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import fx, nn

from hwkit.errors import FormatError
from hwkit.ir.tflite import same_padding
from hwkit.ir.types import Array
from hwkit.train.ptq import pieces
from hwkit.train.ptq.standard import NotHandled
from hwkit.train.ptq.tflite_step import Step, sample_shape

_SAME, _VALID = 0, 1
_LARGEST = 1 << 12
"""Strides, dilations and kernels above are taken for damage."""
Sides = tuple[tuple[int, int], tuple[int, int]]
"""Zeros before and after rows and columns."""


def _pair(s: Step, name: str) -> tuple[int, int]:
    found = [int(s.op.options.get(f"{name}_{axis}", 1)) for axis in "hw"]
    if not all(1 <= n <= _LARGEST for n in found):
        raise FormatError(f"{s.name}: {name} {found}; damaged, copy it again")
    return found[0], found[1]


def _is_same(s: Step) -> bool:
    if s.op.options["padding"] not in (_SAME, _VALID):
        raise FormatError(f"{s.name}: padding {s.op.options['padding']}; damaged, copy it again")
    return s.op.options["padding"] == _SAME


def _map_shape(s: Step, place: int = 0) -> tuple[int, int, int]:
    shape = sample_shape(s.shape(place))
    if len(shape) != 3:
        raise NotHandled(f"maps (1, height, width, channels), not {s.shape(place)}")
    return shape[0], shape[1], shape[2]


def _sides(s: Step, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> Sides:
    if not _is_same(s):
        return (0, 0), (0, 0)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    rows, columns, _ = _map_shape(s)
    stride = _pair(s, "stride")
    return (
        same_padding(rows, spans[0], stride[0]),
        same_padding(columns, spans[1], stride[1]),
    )


def _weights(s: Step, place: int, rank: int) -> Array:
    weight = s.constant(place)
    if weight.ndim != rank or not weight.size:
        raise FormatError(f"{s.name}: weights of shape {weight.shape}; damaged, copy it again")
    return weight


def _bias(s: Step, place: int, count: int) -> nn.Parameter | None:
    if not s.has(place):
        return None
    bias = s.constant(place)
    if bias.size != count:
        raise FormatError(f"{s.name}: {bias.size} biases for {count} outputs; damaged")
    return nn.Parameter(torch.from_numpy(np.array(bias.reshape(-1), np.float32)))


def _parameter(weight: Array) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight, np.float32)))


def convolution(s: Step) -> fx.Node:
    """CONV_2D, of groups too, weights (O, H, W, I); DEPTHWISE_CONV_2D, weights (1, H, W, O)."""
    weight, line = _weights(s, 1, 4), len(sample_shape(s.shape())) == 2
    channels = s.shape()[-1] if line else _map_shape(s)[2]
    deep = s.op.code == "DEPTHWISE_CONV_2D"
    weight = weight.transpose(3, 0, 1, 2) if deep else weight.transpose(0, 3, 1, 2)
    outputs, inside, *kernel = weight.shape
    groups = channels // inside
    if groups * inside != channels or outputs % groups:
        raise FormatError(f"{s.name}: weights {weight.shape} for {channels} channels; damaged")
    dilation = _pair(s, "dilation")
    sides = _stated(s) or _sides(s, (kernel[0], kernel[1]), dilation)
    even = all(a == b for a, b in sides)
    padding = (sides[0][0], sides[1][0]) if even else (0, 0)
    bias = _bias(s, 2, outputs)
    layer = nn.Conv2d(
        channels, outputs, (kernel[0], kernel[1]), _pair(s, "stride"), padding, dilation, groups,
        bias is not None,
    )  # fmt: skip
    layer.weight, layer.bias = _parameter(weight), bias
    node = _as_map(s) if line else s.x()
    node = node if even else s.call(pieces.Padded([*sides[1], *sides[0]]), node)
    node = s.call(layer, node)
    return s.call(pieces.Reshaped(sample_shape(s.after)), _turned_back(s, node)) if line else node


def _stated(s: Step) -> Sides | None:
    """The borders of a convolution that took the place of a chain; None without one."""
    if "pad_top" not in s.op.options:
        return None
    top, bottom, left, right = (
        int(s.op.options[f"pad_{side}"]) for side in ("top", "bottom", "left", "right")
    )
    return (top, bottom), (left, right)


def _as_map(s: Step) -> fx.Node:
    """A line (width, channels) as a map of one row, channels first."""
    width, channels = sample_shape(s.shape())
    row = s.call(pieces.Reshaped((1, width, channels)), s.tensors.read(s.index(0)))
    return s.call(pieces.Permuted((0, 3, 1, 2)), row)


def _turned_back(s: Step, node: fx.Node) -> fx.Node:
    return s.call(pieces.Permuted((0, 2, 3, 1)), node)


def layer_norm(s: Step) -> fx.Node:
    """LAYER_NORM, as ``tflite_norm`` finds it."""
    gain, bias = s.constant(1), s.constant(2)
    layer = nn.LayerNorm(len(gain), float(s.op.options["eps"]))
    layer.weight, layer.bias = _parameter(gain), _parameter(bias)
    return s.call(layer, s.x())


def transposed(s: Step) -> fx.Node:
    """TRANSPOSE_CONV: all sums, of which the padding leaves out some at each border."""
    weight, (rows, columns, channels) = _weights(s, 1, 4), _map_shape(s, 2)
    after = sample_shape(s.after)
    if len(after) != 3 or weight.shape[0] != after[2] or weight.shape[3] != channels:
        raise FormatError(f"{s.name}: {weight.shape} from {channels} channels to {after}; damaged")
    kernel, stride, same = weight.shape[1:3], _pair(s, "stride"), _is_same(s)
    spare = [
        (n - 1) * t + k - a
        for n, t, k, a in zip((rows, columns), stride, kernel, after[:2], strict=True)
    ]
    if any(n <= -t for n, t in zip(spare, stride, strict=True)):
        raise FormatError(f"{s.name}: {after} is too large; damaged, copy it again")
    padding = [max(n, 0) // 2 if same else 0 for n in spare]
    bias = _bias(s, 3, after[2])
    layer = nn.ConvTranspose2d(
        channels, after[2], (kernel[0], kernel[1]), stride, (padding[0], padding[1]),
        (max(-spare[0], 0), max(-spare[1], 0)), 1, bias is not None,
    )  # fmt: skip
    layer.weight, layer.bias = _parameter(weight.transpose(3, 0, 1, 2)), bias
    node = s.call(layer, s.x(2))
    for axis, left, cut in zip((2, 3), spare, padding, strict=True):
        if left > 2 * cut:
            node = s.call(pieces.Part(axis, 0, after[axis - 2]), node)
    return node


def dense(s: Step) -> fx.Node:
    """FULLY_CONNECTED over the last axis; two activations give a matrix product."""
    if s.op.options["weights_format"]:
        raise NotHandled("weights in their plain format")
    before, after = sample_shape(s.shape()), sample_shape(s.after)
    if not s.is_constant(1):
        raise NotHandled("a product of two activations; use BATCH_MATMUL")
    weight = _weights(s, 1, 2)
    outputs, width = weight.shape
    node = s.x()
    if before[-1] != width or len(before) != len(after):
        count = int(np.prod(before)) // width
        flat = (width,) if count == 1 and len(after) == 1 else (count, width)
        node, before = s.reshaped(node, before, flat), flat
    bias = _bias(s, 2, outputs)
    layer = nn.Linear(width, outputs, bias is not None)
    layer.weight, layer.bias = _parameter(weight), bias
    return s.reshaped(s.call(layer, node), (*before[:-1], outputs), after)


def pool(s: Step) -> fx.Node:
    """MAX_POOL_2D and AVERAGE_POOL_2D, whose borders do not count; windows that leave the map
    behind alone are PyTorch's that are rounded up."""
    kernel, stride = _pair(s, "filter"), _pair(s, "stride")
    sides = _sides(s, kernel)
    even = all(a == b for a, b in sides)
    if not even and any(a for a, _ in sides):
        raise NotHandled("a pool with a border of one size on both sides")
    padding = (sides[0][0], sides[1][0])
    options: dict[str, Any] = {"stride": stride, "padding": padding, "ceil_mode": not even}
    if s.op.code == "MAX_POOL_2D":
        return s.call(nn.MaxPool2d(kernel, **options), s.x())
    if kernel == _map_shape(s)[:2] and not any(padding) and even:
        return s.call(nn.AdaptiveAvgPool2d(1), s.x())
    return s.call(nn.AvgPool2d(kernel, **options, count_include_pad=not any(padding)), s.x())
