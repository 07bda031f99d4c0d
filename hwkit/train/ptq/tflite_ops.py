"""The operators of float ``.tflite`` files, each as the PyTorch modules that do the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod

import numpy as np
import torch
from torch import Tensor, fx, nn

from hwkit.errors import FormatError
from hwkit.train.ptq import pieces
from hwkit.train.ptq.standard import NotHandled, upsampled
from hwkit.train.ptq.tflite_layers import convolution, dense, layer_norm, pool, transposed
from hwkit.train.ptq.tflite_step import EITHER, FIRST, LAST, Step, sample_shape

Make = Callable[[Step], fx.Node | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """What draws an operator, and the layout of the maps that it reads and gives; what it returns
    is the output, None where it has given its outputs itself."""

    make: Make
    layout: str


def _unary(module: Callable[[Step], nn.Module]) -> Rule:
    return Rule(lambda s: s.call(module(s), s.x()), EITHER)


def _gain(number: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    return number, torch.zeros(())


def _sum(number: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    return torch.ones(()), number


def _difference(number: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    return (-torch.ones(()), number) if first else (torch.ones(()), -number)


def _quotient(number: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    if first or not bool(number.all()):
        raise NotHandled("divide activations by a constant that is not 0")
    return 1 / number, torch.zeros(())


def _binary(
    module: type[nn.Module] | None, constant: Callable[[Tensor, bool], tuple[Tensor, Tensor]]
) -> Rule:
    """An operator of two activations, or of one and a constant as gain and offset; one that differs
    along several axes is an operand like an activation."""

    def make(s: Step) -> fx.Node:
        places = [k for k in (0, 1) if s.is_constant(k)]
        if len(places) == 2:
            raise NotHandled("an operator of constants alone; simplify the file")
        if not places:
            if module is None:
                raise NotHandled("a quotient of two activations; divide by a constant")
            return s.call(module(), s.operand(0), s.operand(1))
        (place,) = places
        other, number = 1 - place, s.beside(s.constant(place))
        if sum(n > 1 for n in number.shape) > 1 and module is not None:
            fixed = s.tensors.drawing.call("constant", pieces.Constant(number))
            pair = (fixed, s.operand(other)) if place == 0 else (s.operand(other), fixed)
            return s.call(module(), *pair)
        number = number.reshape(()) if number.numel() == 1 else number
        return s.call(pieces.Affine(*constant(number, place == 0)), s.operand(other))

    return Rule(make, EITHER)


def _squared_difference(s: Step) -> fx.Node:
    if s.is_constant(0) or s.is_constant(1):
        place = 0 if s.is_constant(0) else 1
        far = s.call(
            pieces.Affine(torch.ones(()), -s.beside(s.constant(place))), s.operand(1 - place)
        )
    else:
        far = s.call(pieces.Subtract(), s.operand(0), s.operand(1))
    return s.call(pieces.Multiply(), far, far)


def _extremum(s: Step) -> fx.Node:
    """A bound by a number, or ``y + relu(x - y)`` and its mirror image."""
    largest = s.op.code == "MAXIMUM"
    place = next((k for k in (0, 1) if s.is_constant(k)), None)
    if place is None:
        x, y = s.operand(0), s.operand(1)
        far = s.call(nn.ReLU(), s.call(pieces.Subtract(), *((x, y) if largest else (y, x))))
        return s.call(pieces.Add() if largest else pieces.Subtract(), y, far)
    bound = s.constant(place)
    if bound.size != 1:
        raise NotHandled("bound it by one number")
    number = float(bound.reshape(-1)[0])
    if largest and number == 0:
        return s.call(nn.ReLU(), s.operand(1 - place))
    ends = (number, float("inf")) if largest else (float("-inf"), number)
    return s.call(nn.Hardtanh(*ends), s.operand(1 - place))


def _prelu(s: Step) -> fx.Node:
    slopes, channels = s.constant(1), s.shape()[-1]
    if slopes.size not in (1, channels) or len(sample_shape(s.shape())) != 3:
        raise NotHandled("of maps, with one slope or one for each channel")
    layer = nn.PReLU(slopes.size)
    layer.weight = nn.Parameter(torch.from_numpy(np.array(slopes.reshape(-1), np.float32)))
    return s.call(layer, s.x())


def _reshape(s: Step) -> fx.Node:
    return s.reshaped(s.x(), sample_shape(s.shape()), sample_shape(s.after))


def _transpose(s: Step) -> fx.Node:
    shape, order = s.shape(), s.integers(1)
    if sorted(order) != list(range(len(shape))):
        raise FormatError(f"{s.name}: order {order} of {shape}; damaged, copy it again")
    return permuted(s, s.x(), 0, order)


def permuted(s: Step, node: fx.Node, place: int, order: list[int]) -> fx.Node:
    """An input's axes in another order, whichever of them the batch is."""
    shape = s.shape(place)
    after = tuple(shape[a] for a in order)
    if sample_shape(shape) != shape and order[0] == 0:
        return s.call(pieces.Permuted(order), node)
    whole = s.reshaped(node, sample_shape(shape), shape)
    turned = s.call(pieces.Permuted([0, *(a + 1 for a in order)]), whole)
    return s.reshaped(turned, after, sample_shape(after))


def _concatenation(s: Step) -> fx.Node:
    if not all(len(s.shape(k)) == len(s.after) for k in range(len(s.op.inputs))):
        raise FormatError(f"{s.name}: parts of several ranks; damaged, copy it again")
    axis = s.axis(int(s.op.options["axis"]), s.after)
    place = int(s.op.options["axis"]) % len(s.after)
    along = sum(s.shape(k)[place] for k in range(len(s.op.inputs)))
    s.require_after(tuple(along if k == place else n for k, n in enumerate(s.shape())))
    return s.call(pieces.Join(axis), *(s.x(k) for k in range(len(s.op.inputs))))


def _pack(s: Step) -> fx.Node:
    axis = int(s.op.options["axis"]) % len(s.after)
    wide = tuple(1 if k == axis else n for k, n in enumerate(s.after))
    parts = [
        s.reshaped(s.x(k), sample_shape(s.shape(k)), _inside(s, wide))
        for k in range(len(s.op.inputs))
    ]
    return s.call(pieces.Join(s.axis(axis, s.after)), *parts)


def _inside(s: Step, shape: tuple[int, ...]) -> tuple[int, ...]:
    """``shape`` without a batch where the output has one."""
    return shape[1:] if sample_shape(s.after) != s.after else shape


def _unpack(s: Step) -> None:
    shape, axis = s.shape(), s.axis(int(s.op.options["axis"]))
    place = int(s.op.options["axis"]) % len(shape)
    if shape[place] != len(s.op.outputs):
        raise FormatError(f"{s.name}: {len(s.op.outputs)} parts of {shape}; damaged")
    rest = tuple(n for k, n in enumerate(sample_shape(shape)) if k != axis - 1)
    for k, index in enumerate(s.op.outputs):
        part = s.call(pieces.Part(axis, k, k + 1), s.x())
        after = sample_shape(s.tensors.file.tensors[index].shape)
        s.reshaped(part, rest, after)
        s.give(s.call(pieces.Reshaped(after), part), k)


def _split(s: Step) -> None:
    source, axis_at = (1, 0) if s.op.code == "SPLIT" else (0, 2)
    axis, shape = s.integers(axis_at)[0], s.shape(source)
    along = s.axis(axis, shape)
    sizes = [s.tensors.file.tensors[k].shape[axis % len(shape)] for k in s.op.outputs]
    if sum(sizes) != shape[axis % len(shape)]:
        raise FormatError(f"{s.name}: parts {sizes} of {shape}; damaged, copy it again")
    for k, (start, stop) in enumerate(pairwise(accumulate(sizes, initial=0))):
        s.give(s.call(pieces.Part(along, start, stop), s.x(source)), k)


def _slice(s: Step) -> fx.Node:
    begin, size = s.integers(1), s.integers(2)
    spans = [
        (b, b + (n if n >= 0 else whole - b), 1)
        for b, n, whole in zip(begin, size, s.shape(), strict=True)
    ]
    return _cut(s, spans)


def _strided(s: Step) -> fx.Node:
    options = s.op.options
    if options["ellipsis_mask"] or options["new_axis_mask"] or options["offset"]:
        raise NotHandled("slice without an ellipsis and new axes")
    spans = []
    starts, stops, steps = (s.integers(k) for k in (1, 2, 3))
    for axis, whole in enumerate(s.shape()):
        if axis >= len(starts):
            spans.append((0, whole, 1))
            continue
        bit = 1 << axis
        start = None if int(options["begin_mask"]) & bit else starts[axis]
        stop = None if int(options["end_mask"]) & bit else stops[axis]
        if int(options["shrink_axis_mask"]) & bit:
            start = starts[axis] % whole
            stop = start + 1
        elif steps[axis] < 1:
            raise NotHandled("a slice in steps above 0")
        spans.append(slice(start, stop, max(steps[axis], 1)).indices(whole))
    return _cut(s, spans)


def _cut(s: Step, spans: list[tuple[int, int, int]]) -> fx.Node:
    node, shape = s.x(), s.shape()
    for axis, (start, stop, step) in enumerate(spans):
        if not 0 <= start < stop <= shape[axis]:
            raise FormatError(f"{s.name}: {start} to {stop} of {shape}; damaged, copy it again")
        if (start, stop, step) != (0, shape[axis], 1):
            node = s.call(pieces.Part(s.axis(axis), start, stop, step), node)
    sizes = [len(range(*span)) for span in spans]
    before = tuple(sizes[len(sizes) - len(sample_shape(shape)) :])
    after = sample_shape(s.after)
    return node if s.first else s.reshaped(node, before, after)


def _pad(s: Step) -> fx.Node:
    sides = s.constant(1).reshape(-1, 2).tolist()
    if len(sides) != len(s.shape()) or min(min(pair) for pair in sides) < 0:
        raise FormatError(f"{s.name}: {sides} around {s.shape()}; damaged, copy it again")
    if s.op.code == "PADV2" and float(s.constant(2).reshape(-1)[0]):
        raise NotHandled("pad with zeros")
    s.require_after(tuple(n + sum(pair) for n, pair in zip(s.shape(), sides, strict=True)))
    by_axis = {s.axis(a): pair for a, pair in enumerate(sides) if any(pair)}
    found: list[int] = []
    for axis in range(len(sample_shape(s.shape())), 0, -1):
        found += [int(n) for n in by_axis.get(axis, [0, 0])]
    while len(found) > 2 and not any(found[-2:]):
        found = found[:-2]
    if not any(found):
        return s.x()
    if len(found) == 4 and not any(found[:2]) and len(sample_shape(s.shape())) == 2:
        line = s.call(pieces.Permuted((0, 2, 1)), s.x())
        return s.call(pieces.Permuted((0, 2, 1)), s.call(pieces.Padded(found[2:]), line))
    return s.call(pieces.Padded(found), s.x())


def _reduced(s: Step) -> fx.Node:
    shape, places = s.shape(), s.integers(1)
    node = s.call(pieces.Mean(sorted(s.axis(a) for a in places), len(s.after) == len(shape)), s.x())
    if s.op.code == "SUM":
        count = float(prod(shape[a] for a in places))
        node = s.call(pieces.Affine(torch.tensor(count), torch.zeros(())), node)
    return node


def _largest(s: Step) -> fx.Node:
    """REDUCE_MAX over rows and columns, or over the places of a line: one window."""
    shape, axes = sample_shape(s.shape()), sorted(s.axis(a) for a in s.integers(1))
    if axes != list(range(1, len(shape))) or len(shape) not in (2, 3):
        raise NotHandled("over rows and columns both, or along a line")
    turned = s.call(pieces.Permuted((0, len(shape), *range(1, len(shape)))), s.x())
    pooled = nn.MaxPool1d(shape[0]) if len(shape) == 2 else nn.MaxPool2d(shape[:2])
    return s.call(pieces.Reshaped(sample_shape(s.after)), s.call(pooled, turned))


def _tiled(s: Step) -> fx.Node:
    """Joins of a part with itself, an axis after the other."""
    node, times = s.x(), s.integers(1)
    if len(times) != len(s.shape()) or min(times) < 1:
        raise FormatError(f"{s.name}: {times} times {s.shape()}; damaged, copy it again")
    s.require_after(tuple(n * t for n, t in zip(s.shape(), times, strict=True)))
    for axis, count in enumerate(times):
        if count > 1:
            node = s.call(pieces.Join(s.axis(axis)), *(node,) * count)
    return node


def _resized(s: Step) -> fx.Node:
    n, height, width, channels = (*s.shape(), 0, 0, 0, 0)[:4]
    before, after = (n, channels, height, width), (n, channels, *s.after[1:3])
    nearest = s.op.code == "RESIZE_NEAREST_NEIGHBOR"
    if s.op.options["align_corners"] or not (nearest or s.op.options["half_pixel_centers"]):
        raise NotHandled("resize with half_pixel_centers and without align_corners")
    return s.call(upsampled("nearest" if nearest else "bilinear", before, after), s.x())


def _softmax(s: Step) -> fx.Node:
    beta, node = float(s.op.options.get("beta", 1.0)), s.x()
    if beta != 1:
        node = s.call(pieces.Affine(torch.tensor(beta), torch.zeros(())), node)
    made = nn.Softmax if s.op.code == "SOFTMAX" else nn.LogSoftmax
    return s.call(made(s.axis(-1)), node)


def _product(s: Step) -> fx.Node:
    """A matrix product; ``adj`` turns the last two axes of an operand."""
    nodes = []
    for place, key in ((0, "adj_x"), (1, "adj_y")):
        node, shape = s.x(place), s.shape(place)
        if len(sample_shape(shape)) < 2:
            raise NotHandled("matrices without a batch; give them a first axis of 1")
        if s.op.options[key]:
            rank = len(sample_shape(shape)) + 1
            node = s.call(pieces.Permuted([*range(rank - 2), rank - 1, rank - 2]), node)
        nodes.append(node)
    return s.call(pieces.MatMul(), *nodes)


def _space(s: Step) -> fx.Node:
    """Blocks of rows and columns to channels, or back: a reshape, a permutation, a reshape."""
    block = int(s.op.options["block"])
    if block < 1 or len(sample_shape(s.shape())) != 3:
        raise FormatError(f"{s.name}: blocks of {block} of {s.shape()}; damaged, copy it again")
    height, width, channels = sample_shape(s.shape() if s.op.code == "SPACE_TO_DEPTH" else s.after)
    spread = (height // block, block, width // block, block, channels)
    packed = (height // block, width // block, block, block, channels)
    shapes = (spread, packed) if s.op.code == "SPACE_TO_DEPTH" else (packed, spread)
    node = s.reshaped(s.x(), sample_shape(s.shape()), shapes[0])
    node = s.call(pieces.Permuted((0, 1, 3, 2, 4, 5)), node)
    return s.reshaped(node, shapes[1], sample_shape(s.after))


_CURVES = ("ABS", "COS", "EXP", "LOG", "RSQRT", "SIN", "SQRT", "SQUARE")
"""Called alike in PyTorch."""

OPS: Mapping[str, Rule] = {
    **{code: _unary(lambda s: pieces.Curve(s.op.code.lower())) for code in _CURVES},
    "ADD": _binary(pieces.Add, _sum),
    "AVERAGE_POOL_2D": Rule(pool, FIRST),
    "BATCH_MATMUL": Rule(_product, LAST),
    "CONCATENATION": Rule(_concatenation, EITHER),
    "CONV_2D": Rule(convolution, FIRST),
    "DEPTHWISE_CONV_2D": Rule(convolution, FIRST),
    "DEPTH_TO_SPACE": Rule(_space, LAST),
    "DIV": _binary(None, _quotient),
    "ELU": _unary(lambda s: nn.ELU()),
    "EXPAND_DIMS": Rule(_reshape, LAST),
    "FULLY_CONNECTED": Rule(dense, LAST),
    "GELU": _unary(lambda s: nn.GELU("tanh" if s.op.options["approximate"] else "none")),
    "HARD_SWISH": _unary(lambda s: nn.Hardswish()),
    "LAYER_NORM": Rule(layer_norm, LAST),
    "LEAKY_RELU": _unary(lambda s: nn.LeakyReLU(float(s.op.options["alpha"]))),
    "LOGISTIC": _unary(lambda s: nn.Sigmoid()),
    "LOG_SOFTMAX": Rule(_softmax, EITHER),
    "MAXIMUM": Rule(_extremum, EITHER),
    "MAX_POOL_2D": Rule(pool, FIRST),
    "MEAN": Rule(_reduced, LAST),
    "MINIMUM": Rule(_extremum, EITHER),
    "MUL": _binary(pieces.Multiply, _gain),
    "NEG": _unary(lambda s: pieces.Affine(-torch.ones(()), torch.zeros(()))),
    "PACK": Rule(_pack, LAST),
    "PAD": Rule(_pad, EITHER),
    "PADV2": Rule(_pad, EITHER),
    "PRELU": Rule(_prelu, FIRST),
    "REDUCE_MAX": Rule(_largest, LAST),
    "RELU": _unary(lambda s: nn.ReLU()),
    "RELU6": _unary(lambda s: nn.ReLU6()),
    "RELU_0_TO_1": _unary(lambda s: nn.Hardtanh(0.0, 1.0)),
    "RELU_N1_TO_1": _unary(lambda s: nn.Hardtanh(-1.0, 1.0)),
    "RESHAPE": Rule(_reshape, LAST),
    "RESIZE_BILINEAR": Rule(_resized, FIRST),
    "RESIZE_NEAREST_NEIGHBOR": Rule(_resized, FIRST),
    "SLICE": Rule(_slice, EITHER),
    "SOFTMAX": Rule(_softmax, EITHER),
    "SPACE_TO_DEPTH": Rule(_space, LAST),
    "SPLIT": Rule(_split, EITHER),
    "SPLIT_V": Rule(_split, EITHER),
    "SQUARED_DIFFERENCE": Rule(_squared_difference, EITHER),
    "SQUEEZE": Rule(_reshape, LAST),
    "STRIDED_SLICE": Rule(_strided, EITHER),
    "SUB": _binary(pieces.Subtract, _difference),
    "SUM": Rule(_reduced, LAST),
    "TANH": _unary(lambda s: nn.Tanh()),
    "TILE": Rule(_tiled, LAST),
    "TRANSPOSE": Rule(_transpose, LAST),
    "TRANSPOSE_CONV": Rule(transposed, FIRST),
    "UNPACK": Rule(_unpack, LAST),
}
"""By builtin operator."""
