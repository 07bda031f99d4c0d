"""From what a tensor stands for to integers in the graph: settling and quantizing.

What a bias, a batch norm or a zero point adds to a layer stays a real number until a quantizer is
known. Its whole steps of the sum then go into the int32 bias, the rest, ``0 <= offset <
multiplier``, into the quantizer's rescale. Where there is no layer the rescale holds all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx import bent, curves
from hwkit.importers.qonnx.axes import along_channels
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.layout import graph_shape
from hwkit.importers.qonnx.lookahead import wanted_layout
from hwkit.importers.qonnx.plan import planned_for
from hwkit.importers.qonnx.rescale import Quantizer, bound, bounds
from hwkit.importers.qonnx.rounding import (
    IMPORTER,
    Rescales,
    ratio,
)
from hwkit.importers.qonnx.values import (
    Curve,
    Fresh,
    Integers,
    Layer,
    Port,
    Real,
    Table,
    one_or_all,
)
from hwkit.ir.ops import (
    Add,
    Clamp,
    DepthwiseConv2d,
    Lookup,
    Overflow,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
)
from hwkit.ir.types import S8, S32, Array, IntType, Quantization

_REFINED_BITS = 29
"""Reals that need a finer grid than their sums get one on which they reach 2**29."""

_NEARLY_WHOLE = 2.0**-10


def settled(ctx: Context, node: Node, position: int, room: int = 1) -> Real:
    """Input ``position`` as integers; see ``settle``."""
    return settle(ctx, node, ctx.real(node, position), room)


def narrow(ctx: Context, node: Node, position: int) -> Real:
    """An activation of at most 16 bits whose integers stand for themselves, as layers read it."""
    real = settled(ctx, node, position)
    if real.integers.dtype.bits > 16 or real.offset.any():
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"its input {real.integers.tensor!r} is not quantized; put a QuantReLU or "
            "QuantIdentity before it",
        )
    return real


def whole(ctx: Context, node: Node, position: int, room: int = 1) -> Real:
    """Input ``position`` as integers that stand for themselves, on a finer grid if need be."""
    real = settled(ctx, node, position, room)
    return refine(ctx, node, real, room) if real.offset.any() else real


def settle(ctx: Context, node: Node, real: Real, room: int = 1) -> Real:
    """``real`` as integers with positive scales and no clamp pending; an offset may remain.

    ``room`` of these integers will be summed.
    """
    if real.is_plain:
        return real
    if isinstance(real.source, Table | Curve) or real.slope is not None:
        return refine(ctx, node, real, room)
    if not real.is_clamped:
        return _with_integers(ctx, node, real)
    real = _with_integers(ctx, node, real)
    source = real.integers
    low, high = (_on_grid(real, b) for b in (real.low, real.high))
    if low is None or high is None:
        return refine(ctx, node, real, room)
    low, high = (min(max(b, source.dtype.low), source.dtype.high) for b in (low, high))
    name = ctx.name(node, f"{source.tensor}.clamp")
    facts = ctx.builder.tensors[source.tensor].quantization
    ctx.builder.add(Clamp(name, source.tensor, name, low, high), source.dtype, facts)
    reached = [min(max(v, low), high) for v in (source.low, source.high)]
    clamped = Integers(name, source.dtype, reached[0], reached[1], source.zero_point)
    return replace(real, source=clamped, low=-np.inf, high=np.inf)


def _on_grid(real: Real, value: float) -> int | None:
    """The one integer that stands for ``value`` in every channel, or None."""
    dtype = real.integers.dtype
    if np.isinf(value):
        return dtype.high if value > 0 else dtype.low
    steps = {ratio(value - float(o), float(s)) for s, o in np.broadcast(real.scale, real.offset)}
    step = steps.pop()
    return None if steps or step.denominator != 1 else int(step) + real.integers.zero_point


def refine(ctx: Context, node: Node, real: Real, room: int = 1) -> Real:
    """``real`` on one grid so fine that rounding to it is not seen; nothing remains pending."""
    if isinstance(real.source, Curve):
        raise UnsupportedOp(
            node.name, IMPORTER, "reads a function of sums; put a quantizer behind that function"
        )
    smallest, largest = extent(real)
    finer = _REFINED_BITS - int(np.ceil(np.log2(largest * room / smallest)))
    return _finer(ctx, node, real, smallest * 2.0**-finer, f"{_tensor(real)}.refined")


def on_one_grid(
    ctx: Context, node: Node, reals: Sequence[Real], bits: int, largest: float = 0.0
) -> list[Real]:
    """``reals`` on one grid of 32 bits, the finest on which none of them, nor ``largest``, is above
    2**``bits``."""
    step = max(largest, *(extent(real)[1] for real in reals)) * 2.0**-bits
    return [_finer(ctx, node, real, step, f"{real.integers.tensor}.fine") for real in reals]


def _finer(ctx: Context, node: Node, real: Real, step: float, name: str) -> Real:
    q = Quantizer(np.array([step]), 0, S32, S32.low, S32.high, "ROUND")
    return replace(quantize(ctx, node, real, q, name), refined=True)


def _tensor(real: Real) -> str:
    if isinstance(real.source, Table):
        return f"{real.source.integers.tensor}.function"
    return real.source.op.output if isinstance(real.source, Layer) else real.integers.tensor


def with_room(ctx: Context, node: Node, real: Real, count: int) -> Real:
    """``real`` on a coarser grid if a sum of ``count`` of its integers might not fit 32 bits."""
    source = real.integers
    reach = max(source.high - source.zero_point, source.zero_point - source.low)
    return refine(ctx, node, real, count) if reach * count > S32.high else real


def extent(real: Real) -> tuple[float, float]:
    """The smallest scale of ``real``, and a bound on the magnitude of its values."""
    if isinstance(real.source, Table):
        values = np.clip(real.scale * real.source.values + real.offset, real.low, real.high)
        largest = float(np.abs(values).max()) or 1.0
        return largest, largest
    if isinstance(real.source, Layer):
        sign, scale = real.source.signs(real.scale)
        low, high = real.source.sums(sign)
        reach = np.maximum(np.abs(low), np.abs(high))
    else:
        source, scale = real.integers, np.abs(real.scale)
        reach = np.array([max(source.high - source.zero_point, source.zero_point - source.low)])
    largest = float((np.maximum(reach, 1) * scale + np.abs(real.offset)).max())
    if real.slope is not None:
        largest *= max(1.0, float(np.abs(real.slope).max()))
    # A batch norm's channels of gain 0 have no step.
    return float(scale[scale > 0].min(initial=largest or 1.0)), largest or 1.0


def _with_integers(ctx: Context, node: Node, real: Real) -> Real:
    """``real`` with integers as source and positive scales; offset and clamp stay pending."""
    layer = real.source
    if not isinstance(layer, Layer):
        return real if (real.scale > 0).all() else _turned(ctx, node, real)
    sign, positive = layer.signs(real.scale)
    bias = layer.bias_of(sign)
    offset = np.broadcast_to(real.offset, positive.shape)
    if bias is None:
        steps = offset / positive
        near = np.abs(steps - np.rint(steps)) < _NEARLY_WHOLE
        bias = _checked_bias(layer, sign, np.where(near, np.rint(steps), np.floor(steps)))
    source = layer.add(ctx.builder, sign, positive, bias)
    rest = offset - bias * positive
    return replace(real, source=source, scale=one_or_all(positive), offset=one_or_all(rest))


def _checked_bias(layer: Layer, sign: Array, bias: Array) -> Array:
    """``bias`` as int64 if the sums with it fit 32 bits."""
    low, high = layer.sums(sign)
    if not (np.isfinite(bias) & (low + bias >= S32.low) & (high + bias <= S32.high)).all():
        raise GraphError(layer.op.name, "its bias does not fit 32 bits; use larger scales")
    return bias.astype(np.int64)


def _turned(ctx: Context, node: Node, real: Real) -> Real:
    """Channels of integers whose sign a batch norm turns: a 1x1 depthwise convolution by ±1."""
    source = real.integers
    shape = ctx.builder.shape(source.tensor)
    name = ctx.name(node, f"{source.tensor}.affine")
    facts = ctx.builder.tensors[source.tensor].quantization
    if len(shape) != 3:
        reshape = Reshape(f"{name}.map", source.tensor, f"{name}.map")
        ctx.builder.add(reshape, source.dtype, facts, (1, prod(shape[:-1]), shape[-1]))
        source = replace(source, tensor=reshape.output)
    channels = shape[-1]
    layer = Layer(
        op=DepthwiseConv2d(
            name, source.tensor, f"{name}.weight", None, name, input_zero_point=source.zero_point
        ),
        weight=np.ones((1, 1, 1, channels), np.int64),
        axis=3,
        dtype=S8,
        unit=np.full(1, np.abs(real.scale).max() or 1.0),
        source=source,
        source_scale=float(np.abs(real.scale).max() or 1.0),
    )
    sign, positive = layer.signs(real.scale)
    out = layer.add(ctx.builder, sign, positive, np.zeros(channels, np.int64))
    if len(shape) != 3:
        back = Reshape(f"{name}.vector", out.tensor, f"{name}.vector")
        ctx.builder.add(back, S32, ctx.builder.tensors[out.tensor].quantization, shape)
        out = replace(out, tensor=back.output)
    return replace(real, source=out, scale=one_or_all(positive))


def quantize(ctx: Context, node: Node, value: Real | Fresh, q: Quantizer, name: str) -> Real:
    """``value`` through ``q``: an input of the graph, a lookup table, a ``Requantize``, or
    nothing at all where the integers already are what ``q`` would make of them."""
    wraps = q.overflow is Overflow.WRAP
    if wraps and (isinstance(value, Fresh) or isinstance(value.source, Table | Curve)):
        raise UnsupportedOp(
            node.name, IMPORTER, "wrapping of an input or of a function; saturate there"
        )
    if isinstance(value, Fresh):
        return _input(ctx, node, value, q)
    q = replace(q, scale=along_channels(node, "scale", q.scale, value))
    if isinstance(value.source, Table):
        return _lookup(ctx, node, value, value.source, q, name)
    if isinstance(value.source, Curve):
        return _on_curve(ctx, node, value, value.source, q, name)
    # A clamp may join a range that saturates, not one that wraps.
    real = settle(ctx, node, value) if wraps else value
    if not isinstance(real.source, Layer):
        real = _with_integers(ctx, node, real)
    if q.scale.size > 1 and any(np.isfinite(b) and b != 0 for b in (real.low, real.high)):
        raise UnsupportedOp(node.name, IMPORTER, "a clip before per-channel scales; drop it")
    least, most = bound(real.low, q), bound(real.high, q)
    if real.slope is not None:
        facts = Quantization(tuple(float(s) for s in q.scale), q.zero_point)
        real = _with_integers(ctx, node, real)
        q = replace(q, low=max(q.low, least), high=min(q.high, most))
        found = bent.quantized(ctx, node, real, q, name, facts)
        return Real(found, real.shape, q.scale, order=real.order, axes=real.axes)
    source, planned = planned_for(ctx, node, real, q, least, most)
    facts = Quantization(tuple(float(s) for s in q.scale), q.zero_point)
    plain = Real(source, real.shape, q.scale, order=real.order, axes=real.axes)
    if _changes_nothing(planned, source, q):
        return plain
    out = _rounded(ctx, node, source, planned, q.dtype, facts, name)
    if not wraps:
        least, most = _reached(real, q, least, most)
    return replace(plain, source=Integers(out, q.dtype, least, most, q.zero_point))


def _reached(real: Real, q: Quantizer, least: int, most: int) -> tuple[int, int]:
    """The integers within ``least`` and ``most`` that ``q`` makes of what ``real`` may hold; a real
    near a tie may fall on either side."""
    if isinstance(real.source, Layer) or q.scale.size > 1:
        return least, most
    source, near = real.integers, float(q.scale[0]) * _NEARLY_WHOLE
    ends = [real.scale * (v - source.zero_point) + real.offset for v in (source.low, source.high)]
    low, high = float(ends[0].min()) - near, float(ends[1].max()) + near
    return max(least, bound(low, q)), min(most, bound(high, q))


def _on_curve(ctx: Context, node: Node, value: Real, curve: Curve, q: Quantizer, name: str) -> Real:
    """A function of sums through ``q``: the sums on a fine grid, then tables."""
    found = curves.cells(node, value, curve, q, extent(curve.base)[1])
    grid = Quantizer(np.array([found.step]), 0, S32, S32.low, S32.high, "ROUND")
    label = name or node.outputs[0].replace("/", ".").strip(".")
    fine = quantize(ctx, node, curve.base, grid, ctx.name(node, f"{label}.fine"))
    return curves.looked_up(ctx, node, value, found, fine.integers.tensor, q, name)


def _changes_nothing(planned: Rescales, source: Integers, q: Quantizer) -> bool:
    r = planned.first
    return (
        (r.multiplier, r.shift, r.offset) == ((1,), (0,), (0,))
        and planned.second is None
        and planned.negative is None
        and source.dtype == q.dtype
        and source.zero_point == q.zero_point
        and r.low <= source.low
        and source.high <= r.high
    )


def _rounded(
    ctx: Context, node: Node, source: Integers, planned: Rescales, dtype: IntType,
    facts: Quantization, wanted: str,
) -> str:  # fmt: skip
    """Adds the ops of ``planned``; returns the name of the last, which is its output's too."""
    name, tensor, zero = ctx.name(node, wanted), source.tensor, source.zero_point
    add = ctx.builder.add
    if planned.negative is not None:
        r = planned.first
        both = Rescale((1,), (0,), Rounding.FLOOR, planned.negative.low, r.high)
        parts = (r, planned.negative)
        op = Add(name, (tensor, tensor), name, (zero, zero), parts, rescale=both)
        return add(op, dtype, facts)
    if planned.second is None:
        return add(Requantize(name, tensor, name, planned.first, zero), dtype, facts)
    fine = ctx.name(node, f"{name}.fine")
    step = Quantization(tuple(s * 2.0 ** -planned.second.shift[0] for s in facts.scale))
    add(Requantize(fine, tensor, fine, planned.first, zero), S32, step)
    return add(Requantize(name, fine, name, planned.second), dtype, facts)


def _input(ctx: Context, node: Node, fresh: Fresh, q: Quantizer) -> Real:
    if q.scale.size != 1:
        if np.ptp(q.scale):
            raise UnsupportedOp(node.name, IMPORTER, "a per-channel input scale; use one scale")
        q = replace(q, scale=q.scale.reshape(-1)[:1])
    scale = float(q.scale.flat[0])
    outside = fresh.gain.tobytes(), fresh.offset.tobytes()
    kind = (scale, q.zero_point, q.dtype, q.low, q.high, q.mode, *outside)
    ports = [p for p in ctx.read_inputs.values() if p.fresh.name == fresh.name]
    for port in ports:
        if port.kind == kind and port.real.shape == fresh.shape and port.fresh.lies_as(fresh):
            return port.real
    # A second quantizer of other integers: an input of the graph of its own.
    tensor = ctx.name(node, f"{fresh.name}.{len(ports) + 1}") if ports else fresh.name
    axes = wanted_layout(ctx.nodes, node.outputs[0], len(fresh.shape))
    shape = graph_shape(fresh.shape, axes)
    facts = Quantization((scale,), q.zero_point)
    ctx.builder.input(tensor, shape, q.dtype, facts)
    source = Integers(tensor, q.dtype, q.dtype.low, q.dtype.high, q.zero_point)
    real = Real(source, fresh.shape, np.array([scale]), axes=axes)
    if (q.low, q.high) != (q.dtype.low, q.dtype.high):
        name = ctx.name(node)
        ctx.builder.add(Clamp(name, tensor, name, q.low, q.high), q.dtype, facts)
        real = replace(real, source=Integers(name, q.dtype, q.low, q.high, q.zero_point))
    ctx.read_inputs[tensor] = Port(kind, real, fresh, q.mode == "FLOOR")
    return real


def _lookup(ctx: Context, node: Node, real: Real, table: Table, q: Quantizer, name: str) -> Real:
    if q.scale.size != 1 or real.scale.size != 1 or real.offset.size != 1:
        raise UnsupportedOp(node.name, IMPORTER, "a function needs one scale, not per channel")
    reals = np.clip(real.scale * table.values + real.offset, real.low, real.high)
    entries = bounds(reals, q)
    name = ctx.name(node, name)
    scale = q.scale.reshape(-1)
    facts = Quantization((float(scale[0]),), q.zero_point)
    ctx.builder.constant(f"{name}.table", entries, q.dtype)
    op = Lookup(name, table.integers.tensor, f"{name}.table", name)
    ctx.builder.add(op, q.dtype, facts)
    out = Integers(name, q.dtype, int(entries.min()), int(entries.max()), q.zero_point)
    return Real(out, real.shape, scale, order=real.order, axes=real.axes)
