"""Layers that are like another one but for one thing, which may make them faster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hwkit.ir.ops import NO_PADDING, Conv2d, Dense, DepthwiseConv2d, Rescale, Rounding
from hwkit.ir.types import Array, IntType, Shape
from hwkit.targets.mcu.descriptors import round_up
from hwkit.targets.mcu.explain.layouts import exchanged, in_blocks
from hwkit.targets.mcu.explain.single import Single, WeightedOp, shaped

MANY = 64
"""Channels, or outputs, of which no core wants more."""

_FEW = 32
_IDEAL_SIDE, _IDEAL_FEATURES = 8, 512
_GROUP = 4
"""Outputs, pixels or depthwise channels that kernels take together."""

_VECTOR = 16
"""Channels in a vector."""

_SMALL = 8
"""Rows and columns of a map on which what a layer does once hardly counts."""


@dataclass(frozen=True, slots=True)
class Variant:
    """``single``, another layer, for a ``reason``; ``text`` says what is other about it. ``whole``:
    it makes the same outputs, so that all of its time counts and not that of a product."""

    reason: str
    text: str
    single: Single
    whole: bool = False


def variants(of: Single, vector: bool = False) -> Iterator[Variant]:
    """What may make the layer faster, one thing at a time; none that it has already. With
    ``vector`` for kernels that take a vector of channels at once."""
    yield from _of_integers(of)
    yield from _of_channels(of, vector)
    if not isinstance(of.op, Dense):
        yield from _of_maps(of, of.op)
    yield from _of_layouts(of)


def ideal(of: Single) -> Single:
    """A layer of the same window and many channels at a stride of 1, on a map without a tail or a
    border; the same for all layers of one window and one arithmetic."""
    source: Shape
    result: Shape
    if isinstance(of.op, Dense):
        inputs, outputs = _IDEAL_FEATURES, 2 * MANY
        wide = _with_channels(of, inputs, outputs)
        op: WeightedOp = replace(wide.op, input_zero_point=0)
        source, result = (inputs,), (outputs,)
    else:
        wide = _with_channels(of, MANY, MANY)
        assert not isinstance(wide.op, Dense)
        op = replace(
            wide.op, stride=(1, 1), dilation=(1, 1), padding=NO_PADDING, input_zero_point=0
        )
        rows, columns = of.weight.shape[1:3]
        source = (_IDEAL_SIDE + rows - 1, _IDEAL_SIDE + columns - 1, MANY)
        result = (_IDEAL_SIDE, _IDEAL_SIDE, MANY)
    return replace(
        wide,
        op=replace(op, rescale=_some_rescale(wide)),
        source=shaped(of.source, source),
        result=shaped(of.result, result),
        weights=_some_weights(wide),
        bias=None if wide.bias is None else np.zeros_like(wide.bias),
    )


def _some_weights(of: Single) -> Array:
    """Half of what the type holds, in turn: as large as trained ones, so that no kernel is left out
    for its sums."""
    dtype = of.weight.dtype
    values = np.arange(dtype.low // 2, dtype.high // 2 + 1)
    return np.resize(values, of.weight.shape).astype(of.weights.dtype)


def _some_rescale(of: Single) -> Rescale | None:
    """One that costs least, for each channel if it is so in ``of``."""
    r = of.op.rescale
    if r is None or of.result.dtype.bits != 8:
        return r
    channels = len(r.multiplier)
    shifts = np.resize([38, 39], channels).tolist()
    return Rescale((1 << 30,) * channels, tuple(shifts), Rounding.DOUBLE, -128, 127)


def _of_integers(of: Single) -> Iterator[Variant]:
    """Another rescale, other weights, narrower ones."""
    if (exact := _exact_path(of)) is not None:
        yield Variant("exact path", exact, _double(of))
    if of.weight.dtype.bits != 8:
        return
    if int(of.weights.min()) == -128:
        text = "a weight of -128; keep weights within -127 .. 127"
        yield Variant("exact path", text, replace(of, weights=np.maximum(of.weights, -127)))
    if not of.is_depthwise:
        narrow = replace(of.weight, dtype=IntType(4, True))
        yield Variant(
            "width",
            "weights of 8 bits; of 4 bits each costs less",
            replace(of, weight=narrow, weights=of.weights >> 4),
        )


def _of_channels(of: Single, vector: bool) -> Iterator[Variant]:
    """More channels or outputs: whole words, whole groups, many."""
    inputs, outputs = of.source.shape[-1], of.result.shape[-1]
    word = 4 // of.source.dtype.container.itemsize
    each = outputs // inputs if of.is_depthwise else 1
    group = _VECTOR if vector else _GROUP if of.is_depthwise else 2 * _GROUP
    aligned = round_up(inputs, word)
    if aligned != inputs:
        text = f"{inputs} channels are no whole number of words; {aligned} cost less each"
        yield Variant(
            "alignment",
            text,
            _with_channels(of, aligned, aligned * each if of.is_depthwise else outputs),
        )
    wider = round_up(inputs, group), round_up(outputs, _GROUP)
    if of.is_depthwise:
        wider = wider[0], wider[0] * each
    if wider not in ((inputs, outputs), (aligned, outputs)) and wider != (aligned, aligned * each):
        text = f"{inputs} to {outputs} channels; {wider[0]} to {wider[1]} cost less each"
        yield Variant("tail", text, _with_channels(of, *wider))
    if inputs < _FEW:
        more = _FEW, _FEW * each if of.is_depthwise else max(outputs, _FEW)
        text = f"{inputs} in; {more[0]} of them cost less each"
        yield Variant("few channels", text, _with_channels(of, *more))
    elif outputs < _FEW:
        text = f"{outputs} out; {_FEW} of them cost less each"
        yield Variant("few channels", text, _with_channels(of, inputs, _FEW))


def _of_layouts(of: Single) -> Iterator[Variant]:
    """The same integers from a map that lies otherwise."""
    if (turned := exchanged(of)) is not None:
        text = "rows as columns and columns as rows, of map and window"
        yield Variant("layout", text, turned, whole=True)
    blocks = in_blocks(of)
    if blocks is not None and of.source.shape[-1] < _FEW:
        height, width, channels = blocks.source.shape
        rows, columns = blocks.weight.shape[1:3]
        text = (
            f"blocks of pixels as channels: windows of {rows}x{columns} at a stride of 1 on "
            f"{height}x{width}x{channels}"
        )
        yield Variant("layout", text, blocks, whole=True)


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
            slow = replace(of, op=replace(op, stride=(1, 1)), source=shaped(of.source, shape))
            yield Variant("stride", text, slow)
    if columns % _GROUP != 0:
        more = round_up(columns, _GROUP)
        text = f"{columns} outputs in a row; {more} cost less each"
        yield Variant("tail", text, _with_outputs(of, op, rows, more))
    if rows * columns < _SMALL**2:
        larger = max(rows, _SMALL), max(columns, _SMALL)
        text = f"{rows}x{columns} outputs; {larger[0]}x{larger[1]} cost less each"
        yield Variant("small map", text, _with_outputs(of, op, *larger))


def _with_outputs(of: Single, op: Conv2d | DepthwiseConv2d, rows: int, columns: int) -> Single:
    """The same on a map of which it makes so many."""
    now_rows, now_columns, outputs = of.result.shape
    height, width, channels = of.source.shape
    height += (rows - now_rows) * op.stride[0]
    width += (columns - now_columns) * op.stride[1]
    return replace(
        of,
        source=shaped(of.source, (height, width, channels)),
        result=shaped(of.result, (rows, columns, outputs)),
    )


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
        op=replace(of.op, rescale=r, accumulator_bits=max(of.op.accumulator_bits, 32)),
        source=shaped(of.source, (*of.source.shape[:-1], inputs)),
        result=shaped(of.result, (*of.result.shape[:-1], outputs)),
        weight=replace(of.weight, shape=shape),
        weights=np.resize(of.weights, shape),
        bias=None if of.bias is None else np.resize(of.bias, outputs),
    )


def _repeated(entries: tuple[int, ...], count: int) -> tuple[int, ...]:
    return entries if len(entries) <= 1 else tuple(np.resize(entries, count).tolist())
