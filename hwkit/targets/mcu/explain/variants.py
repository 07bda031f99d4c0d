"""A layer with weights by itself, and others like it that a core may compute faster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Rescale, Rounding
from hwkit.ir.types import S32, Array, Shape, TensorType
from hwkit.targets.mcu.descriptors import round_up

WeightedOp: TypeAlias = Conv2d | DepthwiseConv2d | Dense

MANY = 64
"""Channels, or outputs, of which no core wants more."""

_FEW = 32
_IDEAL_SIDE, _IDEAL_FEATURES = 8, 512
_WORD = 4
"""Channels or pixels that kernels take together."""


@dataclass(frozen=True, slots=True)
class Single:
    """One layer: its op, the types of its input and output, its weights and bias."""

    op: WeightedOp
    source: TensorType
    result: TensorType
    weight: TensorType
    weights: Array
    bias: Array | None

    @property
    def is_depthwise(self) -> bool:
        """One filter for each output channel, which is the last axis of the weights."""
        return isinstance(self.op, DepthwiseConv2d)

    @property
    def kind(self) -> tuple[object, ...]:
        """What its cost depends on: layers of one kind differ in their integers alone."""
        r = self.op.rescale
        named = replace(self.op, name="", input="", weight="", output="", bias=None, rescale=None)
        small = int(self.weights.min()), self.weight, self.source.shape, self.result.shape
        if r is None:
            return named, *small
        scale = r.rounding, r.low, r.high, len(r.multiplier), len(r.offset), min(r.shift) < 32
        return named, *small, *scale


@dataclass(frozen=True, slots=True)
class Variant:
    """``single``, another layer, for a ``reason``; ``text`` says what is other about it."""

    reason: str
    text: str
    single: Single


def single(graph: Graph, op: WeightedOp) -> Single:
    """``op`` of ``graph`` by itself."""
    bias = None if op.bias is None else graph.constants[op.bias]
    tensors = graph.tensors
    weights = graph.constants[op.weight]
    return Single(op, tensors[op.input], tensors[op.output], tensors[op.weight], weights, bias)


def variants(of: Single) -> Iterator[Variant]:
    """What may make the layer faster, one thing at a time; none that it has already."""
    if (exact := _exact_path(of)) is not None:
        yield Variant("exact path", exact, _double(of))
    if of.weight.dtype.bits == 8 and int(of.weights.min()) == -128:
        text = "a weight of -128; keep weights within -127 .. 127"
        yield Variant("exact path", text, replace(of, weights=np.maximum(of.weights, -127)))
    inputs, outputs = of.source.shape[-1], of.result.shape[-1]
    wider = round_up(inputs, 2 * _WORD), round_up(outputs, _WORD)
    if isinstance(of.op, DepthwiseConv2d):
        wider = round_up(inputs, _WORD), round_up(inputs, _WORD) * (outputs // inputs)
    if wider != (inputs, outputs):
        text = f"{inputs} to {outputs} channels; {wider[0]} to {wider[1]} cost less each"
        yield Variant("tail", text, _with_channels(of, *wider))
    if inputs < _FEW:
        more = _FEW, max(outputs, _FEW)
        if isinstance(of.op, DepthwiseConv2d):
            more = _FEW, _FEW * (outputs // inputs)
        text = f"{inputs} in; {more[0]} of them cost less each"
        yield Variant("few channels", text, _with_channels(of, *more))
    if not isinstance(of.op, Dense):
        yield from _of_maps(of, of.op)


def ideal(of: Single) -> Single:
    """A layer of the same window and many channels at a stride of 1, on a map without a tail."""
    fast = _double(of)
    if isinstance(of.op, Dense):
        return replace(
            _with_channels(fast, _IDEAL_FEATURES, 2 * MANY),
            source=replace(of.source, shape=(_IDEAL_FEATURES,)),
            result=replace(of.result, shape=(2 * MANY,)),
        )
    wide = _with_channels(fast, MANY, MANY)
    assert not isinstance(wide.op, Dense)
    op = replace(wide.op, stride=(1, 1), dilation=(1, 1))
    rows, columns = of.weight.shape[1:3]
    grown = (_IDEAL_SIDE + rows - 1, _IDEAL_SIDE + columns - 1, MANY)
    pad = op.padding
    inner = (grown[0] - pad.top - pad.bottom, grown[1] - pad.left - pad.right, MANY)
    outer = (_IDEAL_SIDE, _IDEAL_SIDE, MANY)
    return replace(
        wide, op=op, source=_shaped(wide.source, inner), result=_shaped(wide.result, outer)
    )


def together(singles: list[Single]) -> Graph:
    """A graph of these layers side by side, ``layer0`` and so on, each with an input of its own."""
    b = GraphBuilder("variants")
    outputs = []
    for n, of in enumerate(singles):
        source = b.input(f"x{n}", of.source.shape, of.source.dtype)
        weight = b.constant(f"w{n}", of.weights, of.weight.dtype)
        op = replace(
            of.op, name=f"layer{n}", input=source, weight=weight, output=f"y{n}", bias=None
        )
        if of.bias is not None:
            from_bias = b.constant(f"b{n}", of.bias, S32)
            op = replace(op, bias=from_bias)
        outputs.append(b.add(op, of.result.dtype))
    return b.build(outputs)


def _exact_path(of: Single) -> str | None:
    """Why the rescale is not of the form that kernels have among their products."""
    r = of.op.rescale
    if r is None:
        return None
    if r.rounding is not Rounding.DOUBLE:
        return f"rounding {r.rounding.value}; double rounding, as .tflite files have, costs less"
    if (r.low, r.high) != (-128, 127) and of.result.dtype.bits == 8:
        return f"outputs from {r.low} to {r.high}; the whole of int8 costs less"
    if min(r.shift) < 32:
        return "a channel that hardly shrinks its sum (a shift below 32); a larger output scale"
    return None


def _double(of: Single) -> Single:
    """With the rescale that costs least."""
    r = of.op.rescale
    if r is None or of.result.dtype.bits != 8:
        return of
    multiplier = tuple(max(m, 1 << 30) for m in r.multiplier)
    shift = tuple(max(s, 38) for s in r.shift)
    fast = Rescale(multiplier, shift, Rounding.DOUBLE, -128, 127, min(max(r.zero_point, -128), 127))
    return replace(of, op=replace(of.op, rescale=fast))


def _of_maps(of: Single, op: Conv2d | DepthwiseConv2d) -> Iterator[Variant]:
    rows, columns, _ = of.result.shape
    if op.stride != (1, 1):
        text = f"stride {op.stride[0]}x{op.stride[1]}; at 1 a layer of as many products costs less"
        reach = [(k - 1) * d for k, d in zip(of.weight.shape[1:3], op.dilation, strict=True)]
        pad = op.padding
        height = rows + reach[0] - pad.top - pad.bottom
        width = columns + reach[1] - pad.left - pad.right
        if height > 0 and width > 0:
            shape = height, width, of.source.shape[2]
            slow = replace(of, op=replace(op, stride=(1, 1)), source=_shaped(of.source, shape))
            yield Variant("stride", text, slow)
    if columns % _WORD != 0:
        more = round_up(columns, _WORD) - columns
        height, width, channels = of.source.shape
        shape = height, width + more * op.stride[1], channels
        text = f"{columns} outputs in a row; {columns + more} cost less each"
        yield Variant("tail", text, replace(of, source=_shaped(of.source, shape)))


def _with_channels(of: Single, inputs: int, outputs: int) -> Single:
    """The same with so many channels, weights and factors repeated."""
    depthwise = isinstance(of.op, DepthwiseConv2d)
    taps = of.weight.shape[1:3] if not isinstance(of.op, Dense) else ()
    shape = (1, *taps, outputs) if depthwise else (outputs, *taps, inputs)
    r = of.op.rescale
    if r is not None:
        r = replace(
            r,
            multiplier=_repeated(r.multiplier, outputs),
            shift=_repeated(r.shift, outputs),
            offset=_repeated(r.offset, outputs),
        )
    return replace(
        of,
        op=replace(of.op, rescale=r),
        source=_shaped(of.source, (*of.source.shape[:-1], inputs)),
        result=_shaped(of.result, (*of.result.shape[:-1], outputs)),
        weight=replace(of.weight, shape=shape),
        weights=np.resize(of.weights, shape),
        bias=None if of.bias is None else np.resize(of.bias, outputs),
    )


def _repeated(entries: tuple[int, ...], count: int) -> tuple[int, ...]:
    return entries if len(entries) <= 1 else tuple(np.resize(entries, count).tolist())


def _shaped(tensor: TensorType, shape: Shape) -> TensorType:
    return replace(tensor, shape=shape)
