"""What an ONNX tensor of reals is in integers, while a graph is being imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from hwkit.errors import GraphError
from hwkit.importers.qonnx.layout import Layout, default_layout
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Add, Conv2d, Dense, DepthwiseConv2d
from hwkit.ir.types import S8, S32, Array, IntType, Quantization, Shape

INT32_MAX = (1 << 31) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Fresh:
    """A graph input that no quantizer has read yet: ``gain * input + offset``, float64 arrays that
    broadcast against (1, *shape); ``shape`` of one sample in ONNX order. Where the file has moved
    its values, ``places`` (shape) tells where each is in the input."""

    name: str
    shape: Shape
    gain: Array = field(default_factory=lambda: np.ones(1))
    offset: Array = field(default_factory=lambda: np.zeros(1))
    places: Array | None = None

    def normalized(self, gain: Array, offset: Array) -> Fresh:
        """``gain * self + offset``. Example: 2x behind x - 0.5 is 2x - 1."""
        return replace(self, gain=self.gain * gain, offset=self.offset * gain + offset)

    def reshaped(self, shape: Shape) -> Fresh:
        """The same under another shape."""
        gain, offset = (
            v if v.size == 1 else np.broadcast_to(v, (1, *self.shape)).reshape(1, *shape)
            for v in (self.gain, self.offset)
        )
        places = None if self.places is None else self.places.reshape(shape)
        return replace(self, shape=shape, gain=gain, offset=offset, places=places)

    def transposed(self, permutation: tuple[int, ...]) -> Fresh:
        """The same with its axes (of one sample) in another order."""
        gain, offset = (
            v
            if v.size == 1
            else np.broadcast_to(v, (1, *self.shape))[0].transpose(permutation)[None]
            for v in (self.gain, self.offset)
        )
        places = self.places
        if places is None:
            places = np.arange(prod(self.shape)).reshape(self.shape)
        shape = tuple(self.shape[axis] for axis in permutation)
        moved = places.transpose(permutation)
        return replace(self, shape=shape, gain=gain, offset=offset, places=moved)

    def lies_as(self, other: Fresh) -> bool:
        """Whether both have the input's values in one order."""
        if self.places is None or other.places is None:
            return self.places is other.places
        return bool(np.array_equal(self.places, other.places))


@dataclass(frozen=True, slots=True, eq=False)
class Port:
    """A graph input as its first quantizer reads it: ``kind`` tells that quantizer and what comes
    before it from others, ``floors`` that it rounds down."""

    kind: tuple[object, ...]
    real: Real
    fresh: Fresh
    floors: bool


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A quantized constant: int64 ``integers`` (zero point taken off), float64 ``scale`` that
    broadcasts against them, and the module path ``layer`` of the parameter, if known."""

    integers: Array
    scale: Array
    dtype: IntType
    layer: str


@dataclass(frozen=True, slots=True)
class Integers:
    """A tensor of the graph and the range ``low..high`` that its values cannot leave."""

    tensor: str
    dtype: IntType
    low: int
    high: int
    zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Added:
    """A layer in the graph: ``source`` are its sums with ``bias`` (int64, one a channel)."""

    source: Integers
    sign: Array
    bias: Array


@dataclass(slots=True, eq=False)
class Layer:
    """A convolution or dense layer that is added to the graph when its bias is known: a batch
    norm behind it still changes bias and the sign of weights.

    ``weight`` int64 in graph layout, output channels on ``axis``; ``unit`` its scales times the
    input's, one entry or one a channel; ``source`` the input.
    """

    op: Conv2d | DepthwiseConv2d | Dense
    weight: Array
    axis: int
    dtype: IntType
    unit: Array
    source: Integers
    source_scale: float | Array
    added: Added | None = None

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.weight.shape[self.axis])

    def signs(self, scale: Array) -> tuple[Array, Array]:
        """The signs of ``scale`` and its magnitudes, one a channel; a scale of 0 gets the sign 0
        and any magnitude."""
        scale = np.broadcast_to(scale, (self.channels,)).astype(np.float64)
        sign = np.sign(scale).astype(np.int64)
        return sign, np.where(sign == 0, np.broadcast_to(self.unit, scale.shape), np.abs(scale))

    def sums(self, sign: Array) -> tuple[Array, Array]:
        """Smallest and largest sum of each channel without a bias, under ``sign``."""
        return _sums(np.moveaxis(self._signed(sign), self.axis, 0), self.source)

    def _signed(self, sign: Array) -> Array:
        along = [1] * self.weight.ndim
        along[self.axis] = -1
        signed: Array = self.weight * sign.reshape(along)
        return signed

    def bias_of(self, sign: Array) -> Array | None:
        """The bias of the layer if it is in the graph already; a reader that wants other signs
        is refused."""
        if self.added is None:
            return None
        if not np.array_equal(self.added.sign, sign):
            raise GraphError(
                self.op.name,
                "two readers turn its channels differently; put a QuantIdentity behind the layer",
            )
        return self.added.bias

    def add(self, builder: GraphBuilder, sign: Array, positive: Array, bias: Array) -> Integers:
        """The accumulators with ``bias``, weights times ``sign``; added when first asked for.

        ``positive`` are their scales, one a channel, as facts.
        """
        if self.added is None:
            self.added = Added(self._add(builder, sign, positive, bias), sign, bias)
        return self.added.source

    def _add(self, builder: GraphBuilder, sign: Array, positive: Array, bias: Array) -> Integers:
        weight, dtype = self._signed(sign), self.dtype
        if dtype.bits < 8 and weight.max() > dtype.high:
            dtype = replace(dtype, bits=dtype.bits + 1)
        if dtype.bits > S8.bits or weight.min() < dtype.low or weight.max() > dtype.high:
            dtype = S8
        per_channel = np.ptp(self.unit) > 0 or np.ptp(positive) > 0
        steps = positive / self.source_scale if per_channel else (positive / self.source_scale)[:1]
        facts = Quantization(tuple(float(s) for s in steps))
        name = self.op.name
        sums = Quantization(tuple(float(s) for s in one_or_all(positive)))
        if bias.any():
            told = tuple(float(s) for s in (positive if per_channel else positive[:1]))
            builder.constant(f"{name}.bias", bias, S32, Quantization(told))
            self.op = replace(self.op, bias=f"{name}.bias")
        self._add_parts(builder, _parts(weight, dtype), dtype, facts, sums)
        low, high = self.sums(sign)
        return Integers(self.op.output, S32, int((low + bias).min()), int((high + bias).max()))

    def _add_parts(
        self,
        builder: GraphBuilder,
        parts: list[Array],
        dtype: IntType,
        facts: Quantization,
        sums: Quantization,
    ) -> None:
        """One layer, or the sum of one for each of ``parts``."""
        op = self.op
        if len(parts) == 1:
            builder.constant(op.weight, parts[0], dtype, facts)
            builder.add(op, S32, sums)
            return
        added = ""
        for k, part in enumerate(parts):
            name = f"{op.name}.part{k}"
            builder.constant(f"{name}.weight", part, dtype, facts)
            bias = None if k else op.bias
            layer = replace(op, name=name, weight=f"{name}.weight", bias=bias, output=name)
            builder.add(layer, S32, sums)
            if k:
                label = op.output if k + 1 == len(parts) else f"{name}.sum"
                builder.add(Add(label, (added, name), label), S32, sums)
                name = label
            added = name


def _parts(weight: Array, dtype: IntType) -> list[Array]:
    """``weight`` as a sum of weights that ``dtype`` holds. Example: 130 is 127 and 3.

    Weights with a zero point may need 9 bits, and a batch norm turns -128 into 128.
    """
    parts = []
    while True:
        part = weight.clip(dtype.low, dtype.high)
        parts.append(part)
        weight = weight - part
        if not weight.any():
            return parts


def one_or_all(values: Array) -> Array:
    """One entry where all are equal."""
    return values if np.ptp(values) else values[:1]


def _sums(weight: Array, source: Integers) -> tuple[Array, Array]:
    """Smallest and largest sum of each output channel (axis 0 of ``weight``)."""
    flat = weight.reshape(len(weight), -1)
    low = flat * min(0, source.low - source.zero_point)
    high = flat * max(0, source.high - source.zero_point)
    return np.minimum(low, high).sum(axis=1), np.maximum(low, high).sum(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A function of narrow ``integers``: ``values`` (float64) for each value of their type."""

    integers: Integers
    values: Array


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A ``function`` (float64 to float64, of single numbers) of the sums ``base``."""

    base: Real
    function: Callable[[Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """``clamp(scale * (integer - zero point) + offset, low, high)``, what a tensor stands for.

    ``scale`` and ``offset`` are float64 with one entry or one for each channel of the graph
    tensor's last axis; ``scale`` may be negative or 0 only where a batch norm made it so.
    ``shape`` is one sample's in ONNX order: a map is (C, H, W) here and (H, W, C) in the graph,
    or what ``axes`` say, the layout where it is another (``layout.py``). ``order`` is set for a
    flattened map: entry i of the graph's vector is entry ``order[i]`` of ONNX's.
    Where ``slope`` is set, what is below 0 is that many times as much; the clamp comes after.
    ``refined`` tells integers on a grid finer than any sum's, which are rounded reals.
    """

    source: Integers | Layer | Table | Curve
    shape: Shape
    scale: Array
    offset: Array = field(default_factory=lambda: np.zeros(1))
    low: float = -np.inf
    high: float = np.inf
    order: Array | None = None
    refined: bool = False
    axes: Layout = ()
    slope: Array | None = None

    @property
    def layout(self) -> Layout:
        """Which of ONNX's axes each of the graph's is."""
        return self.axes or default_layout(len(self.shape))

    @property
    def is_default(self) -> bool:
        """Whether the graph has it with channels last."""
        return self.layout == default_layout(len(self.shape))

    def under(self, shape: Shape, layout: Layout = ()) -> Real:
        """The same integers under another shape and layout, channels last if none is given."""
        return replace(self, shape=shape, axes=layout)

    @property
    def integers(self) -> Integers:
        """The source of a tensor that is in the graph already."""
        if not isinstance(self.source, Integers):
            raise TypeError("not in the graph yet; settle it first")
        return self.source

    @property
    def is_plain(self) -> bool:
        """True when the integers stand for themselves: no offset, no clamp, positive scales."""
        return (
            isinstance(self.source, Integers)
            and not self.offset.any()
            and bool((self.scale > 0).all())
            and not self.is_clamped
            and self.slope is None
        )

    def is_same(self, other: Real) -> bool:
        """Whether both stand for the same numbers."""
        return (
            self.source is other.source
            and self.order is other.order
            and all(
                np.array_equal(one, two)
                for one, two in (
                    (self.scale, other.scale),
                    (self.offset, other.offset),
                    ((self.low, self.high), (other.low, other.high)),
                )
            )
        )

    @property
    def is_clamped(self) -> bool:
        """True when a ReLU or Clip is pending."""
        return self.low > -np.inf or self.high < np.inf
