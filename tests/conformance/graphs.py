"""Hypothesis strategies for small legal graphs over all ops, shapes, borders and widths."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st

from hwkit.ir.arith import MAX_OFFSET, float32_multiplier, quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_OFFSET,
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Padding,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Rounding,
    Slice,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.shapes import extent
from hwkit.ir.traits import Accumulating
from hwkit.ir.types import S8, S32, U8, Array, IntType, Quantization

WRITTEN_OPS: tuple[type[Op], ...] = (
    Conv2d,
    DepthwiseConv2d,
    Dense,
    Add,
    SumPool2d,
    AvgPool2d,
    MaxPool2d,
    Requantize,
    Clamp,
    Pad,
    Concat,
    Reshape,
    Lookup,
    Softmax,
    Slice,
    Transpose,
)
"""Ops that every edge runtime has a form of."""

ALL_OPS = (*WRITTEN_OPS, Sub, Mul, MatMul, Prelu, ResizeNearest, Constant, ArgMax, LayerNorm)

_WITH_OFFSET = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)
_WEIGHTS = {
    Conv2d: 5,
    DepthwiseConv2d: 4,
    Softmax: 6,
    Reshape: 1,
    Clamp: 1,
    Requantize: 1,
    ArgMax: 1,
}
"""How often an op is chosen against the others' 2."""


@dataclass(frozen=True)
class Space:
    """What the drawn graphs may hold.

    ``activations`` are the widths that tensors may have; ``dyadic`` makes every scale a power of
    two and every zero point 0; ``fused`` gives accumulating ops their rescale inside.
    """

    ops: tuple[type[Op], ...] = WRITTEN_OPS
    roundings: tuple[Rounding, ...] = tuple(Rounding)
    activations: tuple[IntType, ...] = (S8,)
    weight_bits: tuple[int, ...] = (8,)
    dyadic: bool = False
    fused: bool = False
    dilation: bool = True
    softmax: tuple[SoftmaxKind, ...] = tuple(SoftmaxKind)
    max_ops: int = 4
    raw_output: bool = field(default=False)
    """Whether the graph may end in an accumulator."""
    offsets: bool = False
    """Whether rescales that round once may have an offset."""
    inputs: int = 1
    outputs: int = 1
    states: int = 0
    """At most so many of each; an output may also be a state's tensor."""


ANY = Space(
    ops=ALL_OPS,
    activations=(S8, U8, IntType(4, True), IntType(5, False)),
    weight_bits=(2, 3, 4, 8),
    offsets=True,
)

BORDERS = replace(ANY, inputs=3, outputs=3, states=3)
"""Several inputs and outputs, and states."""


@st.composite
def graphs(draw: st.DrawFn, space: Space = ANY) -> Graph:
    """A verified graph, with scale facts on every activation. Of the default space it has one
    input, one output and no states."""
    return _Maker(draw, space).make()


def feeds_for(graph: Graph, samples: int, seed: int) -> dict[str, Array]:
    """Random integers for every input by name, as ``inputs_for`` has them."""
    rng = np.random.default_rng(seed)
    return {name: _samples(graph, name, samples, rng) for name in graph.inputs}


def inputs_for(graph: Graph, samples: int, seed: int) -> Array:
    """Random integers of the graph's first input; the first sample is all-low, the second
    all-high, so that extremes are always among them."""
    return _samples(graph, graph.inputs[0], samples, np.random.default_rng(seed))


def _samples(graph: Graph, name: str, samples: int, rng: np.random.Generator) -> Array:
    tensor = graph.tensors[name]
    x = rng.integers(tensor.dtype.low, tensor.dtype.high + 1, (samples, *tensor.shape))
    x[0] = tensor.dtype.low
    if samples > 1:
        x[1] = tensor.dtype.high
    return x.astype(tensor.dtype.container)


class _Maker:
    def __init__(self, draw: st.DrawFn, space: Space) -> None:
        self.draw = draw
        self.space = space
        self.b = GraphBuilder("random")
        self.rng = np.random.default_rng(draw(st.randoms(use_true_random=False)).getrandbits(32))
        self.count = 0
        self.seen: list[str] = []
        """Tensors in the middle that are outputs."""

    def make(self) -> Graph:
        # The likeliest draws come first in each list: middling maps, several ops.
        side = st.sampled_from([6, 5, 8, 9, 7, 4, 3, 2, 1])
        shape = (self.draw(side), self.draw(side), self.draw(st.sampled_from([3, 4, 6, 2, 5, 1])))
        x = self.b.input("input", shape, *self.activation())
        for _ in range(self.space.max_ops - self.draw(st.integers(0, self.space.max_ops - 1))):
            x = self.step(self.bordered(x))
        return self.b.build([x, *(name for name in self.seen if name != x)])

    # Borders: further inputs and outputs, states ------------------------------------------------

    def bordered(self, x: str) -> str:
        """``x``, or what it becomes with another input or a state; perhaps ``x`` is an output."""
        if self.b.tensors[x].dtype.bits > 8:
            return x
        if len(self.b.inputs) < self.space.inputs and self.draw(st.booleans()):
            x = self.with_input(x)
        narrow = self.b.tensors[x].dtype.bits <= 8
        if narrow and len(self.b.states) < self.space.states and self.draw(st.integers(0, 3)):
            x = self.with_state(x)
        if len(self.seen) + 1 < self.space.outputs and self.draw(st.booleans()):
            self.seen.append(x)
        return x

    def with_input(self, x: str) -> str:
        """``x`` and an input of its type, joined along an axis or added."""
        tensor, name = self.b.tensors[x], self.name("input")
        adds = Add in self.space.ops
        if adds and (Concat not in self.space.ops or self.draw(st.booleans())):
            return self.summed(Add, x, self.b.input(name, tensor.shape, *self.activation()))
        axis = self.draw(st.integers(0, len(tensor.shape) - 1))
        shape = list(tensor.shape)
        shape[axis] = self.draw(st.integers(1, 3))
        self.b.input(name, tuple(shape), tensor.dtype, tensor.quantization)
        return self.joined((x, name), axis)

    def with_state(self, x: str) -> str:
        """One of the ways in which networks remember: the last value, the last few, or a sum."""
        makers = [self.delayed]
        if Concat in self.space.ops:
            makers.append(self.joined_with_the_last)
            if Slice in self.space.ops:
                makers.append(self.streamed)
        if Add in self.space.ops and not self.space.dyadic:
            makers.append(self.recurrent)
        return self.draw(st.sampled_from(makers))(x)

    def state(self, shape: tuple[int, ...], x: str) -> str:
        """A state of ``shape`` and the type of ``x``, with random initial values."""
        tensor = self.b.tensors[x]
        initial = self.rng.integers(tensor.dtype.low, tensor.dtype.high + 1, shape)
        name = self.b.state(self.name("state"), initial, tensor.dtype, tensor.quantization)
        if len(self.seen) + 1 < self.space.outputs and self.draw(st.integers(0, 3)) == 0:
            self.seen.append(name)
        return name

    def delayed(self, x: str) -> str:
        """What ``x`` was one inference ago; behind another delay, two."""
        state = self.state(self.b.shape(x), x)
        self.b.update(state, x)
        return state

    def joined_with_the_last(self, x: str) -> str:
        axis = self.draw(st.integers(0, len(self.b.shape(x)) - 1))
        return self.joined((self.delayed(x), x), axis)

    def streamed(self, x: str) -> str:
        """A window over the last rows: the new ones behind those kept, of which the oldest go."""
        rows = self.draw(st.integers(1, 4))
        shape = self.b.shape(x)
        state = self.state((rows, *shape[1:]), x)
        window = self.joined((state, x), 0)
        name = self.name("newest")
        begin = (shape[0], *(0 for _ in shape[1:]))
        newest = Slice(
            name, window, f"{name}_out", begin, (rows, *shape[1:]), tuple(1 for _ in shape)
        )
        self.b.update(state, self.same(newest, x))
        return window

    def recurrent(self, x: str) -> str:
        """A sum of ``x`` and the last sum, brought back to one type."""
        state = self.state(self.b.shape(x), x)
        total = self.requantized(self.summed(Add, x, state), *self.type_of(x))
        self.b.update(state, total)
        return total

    def type_of(self, x: str) -> tuple[IntType, Quantization]:
        tensor = self.b.tensors[x]
        assert tensor.quantization is not None
        return tensor.dtype, tensor.quantization

    def joined(self, names: tuple[str, str], axis: int) -> str:
        name = self.name("join")
        return self.same(Concat(name, names, f"{name}_out", axis), names[0])

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def activation(self) -> tuple[IntType, Quantization]:
        dtype = self.draw(st.sampled_from(self.space.activations))
        if self.space.dyadic:
            return dtype, Quantization((2.0 ** self.draw(st.integers(-8, 0)),))
        scale = float(np.float32(self.draw(st.floats(0.001, 0.5))))
        zero_point = self.draw(
            st.sampled_from([dtype.low, dtype.high, 0]) | st.integers(dtype.low, dtype.high)
        )
        return dtype, Quantization((scale,), zero_point)

    def zero_point(self, x: str) -> int:
        facts = self.b.tensors[x].quantization
        return facts.zero_point if facts else 0

    def scale(self, x: str) -> float:
        facts = self.b.tensors[x].quantization
        return facts.scale[0] if facts else 1.0

    def step(self, x: str) -> str:
        fits = [op for op in self.space.ops if self.fits(op, x)]
        if not fits:
            return x
        # By the drawn seed, not by a draw: draws favour the front of a list.
        weights = np.array([_WEIGHTS.get(op, 2) for op in fits])
        op = fits[int(self.rng.choice(len(fits), p=weights / weights.sum()))]
        make = getattr(self, f"make_{op.__name__.lower()}")
        result: str = make(x)
        return result

    def fits(self, op: type[Op], x: str) -> bool:
        tensor = self.b.tensors[x]
        spatial = op in (
            Conv2d,
            DepthwiseConv2d,
            SumPool2d,
            AvgPool2d,
            MaxPool2d,
            Pad,
            ResizeNearest,
        )
        if spatial and len(tensor.shape) != 3:
            return False
        if op is AvgPool2d and not tensor.dtype.signed:
            return False
        if op is MatMul and len(tensor.shape) < 2:
            return False
        if op is Dense:
            flat = len(tensor.shape) == 1 or Reshape in self.space.ops
            return flat and tensor.dtype.bits <= 8
        if op is Softmax:
            return len(tensor.shape) == 1 and tensor.dtype == S8
        return tensor.dtype.bits <= 8

    # Rescales -------------------------------------------------------------------------------

    def rescale(self, x_bound: int, channels: int, dtype: IntType, zero_point: int) -> Rescale:
        """A rescale that brings sums up to ``x_bound`` into the range of ``dtype``, roughly."""
        rounding = self.draw(st.sampled_from(self.space.roundings))
        per_channel = channels if self.draw(st.booleans()) else 1
        spread = 2.0 ** self.rng.uniform(-3, 3, per_channel)
        ratios = (dtype.high - dtype.low) / max(x_bound, 1) * spread
        pairs = [self.pair(min(float(r), 2.0), rounding) for r in ratios]
        low, high = dtype.low, dtype.high
        if self.draw(st.booleans()):
            low = self.draw(st.integers(low, high))
            high = self.draw(st.integers(low, high))
        multiplier, shift = zip(*pairs, strict=True)
        offset = self.offset(pairs, channels) if rounding in _WITH_OFFSET else NO_OFFSET
        return Rescale(multiplier, shift, rounding, low, high, zero_point, offset=offset)

    def offset(self, pairs: list[tuple[int, int]], channels: int) -> tuple[int, ...]:
        """None, or up to some ten steps of the output: by tensor or channel, not seldom a tie."""
        if not self.space.offsets or self.draw(st.booleans()):
            return NO_OFFSET
        shifts = [shift for _, shift in pairs]
        shifts = shifts * channels if len(shifts) == 1 and self.draw(st.booleans()) else shifts
        steps = self.rng.uniform(-10, 10, len(shifts))
        if self.draw(st.booleans()):
            steps = np.rint(steps) + 0.5
        return tuple(
            int(np.clip(np.ldexp(k, s), -MAX_OFFSET, MAX_OFFSET))
            for k, s in zip(steps, shifts, strict=True)
        )

    def pair(self, ratio: float, rounding: Rounding) -> tuple[int, int]:
        if self.space.dyadic:
            return 1, int(np.clip(round(-np.log2(ratio)), 0, 30))
        if rounding is Rounding.FLOAT32:
            return float32_multiplier(ratio)
        return quantize_multiplier(ratio)

    def finish(self, op: Accumulating, x_bound: int) -> str:
        """Appends an accumulating op and its rescale, fused or as a node of its own."""
        channels = self.channels_of(op)
        dtype, facts = self.activation()
        r = self.rescale(x_bound, channels, dtype, facts.zero_point)
        if self.space.dyadic:
            facts = Quantization((self.dyadic_scale(op, r),))
            r = self.per_tensor(r)
        if self.space.fused or self.draw(st.booleans()):
            return self.b.add(replace(op, rescale=r), dtype, facts)
        self.b.add(op, S32)
        if self.space.raw_output and self.draw(st.integers(0, 9)) == 0:
            return op.output
        name = self.name("requantize")
        return self.b.add(Requantize(name, op.output, f"{name}_out", r), dtype, facts)

    def dyadic_scale(self, op: Op, r: Rescale) -> float:
        base = self.scale(activations(op)[0])
        return float(base * 2.0 ** r.shift[0] / r.multiplier[0])

    def per_tensor(self, r: Rescale) -> Rescale:
        return replace(r, multiplier=r.multiplier[:1], shift=r.shift[:1], offset=r.offset[:1])

    def channels_of(self, op: Op) -> int:
        if isinstance(op, Conv2d | Dense):
            return self.b.tensors[op.weight].shape[0]
        if isinstance(op, DepthwiseConv2d):
            return self.b.tensors[op.weight].shape[3]
        if isinstance(op, MatMul):
            return self.b.shape(op.inputs[1])[-2 if op.transposed[1] else -1]
        return max(self.b.shape(name)[-1] for name in activations(op))

    # Weights ----------------------------------------------------------------------------------

    def weight(self, name: str, shape: tuple[int, ...]) -> tuple[str, int]:
        """Random weights, sometimes all extreme; the width and the largest sum per unit of x."""
        dtype = IntType(self.draw(st.sampled_from(self.space.weight_bits)), True)
        low = max(dtype.low, -127)
        kind = self.draw(st.sampled_from(["random", "random", "low", "high"]))
        if kind == "random":
            value = self.rng.integers(low, dtype.high + 1, shape)
        else:
            value = np.full(shape, low if kind == "low" else dtype.high)
        facts = Quantization((1.0,)) if self.space.dyadic else None
        self.b.constant(name, value, dtype, facts)
        axes = tuple(range(3)) if len(shape) == 4 and shape[0] == 1 else tuple(range(1, len(shape)))
        return name, int(np.abs(value).sum(axis=axes).max())

    def bias(self, name: str, channels: int) -> str | None:
        if self.draw(st.booleans()):
            return None
        return self.b.constant(name, self.rng.integers(-2000, 2001, channels), S32)

    def windows(self, x: str, dilated: bool) -> tuple[tuple[int, ...], ...]:
        """Kernel, stride, dilation and padding (top, bottom, left, right) that fit the map."""
        height, width, _ = self.b.shape(x)
        side = st.sampled_from([3, 2, 1, 4])
        kernel = (self.draw(side), self.draw(side))
        dilation = (1, 1)
        if dilated and self.space.dilation and self.draw(st.integers(0, 3)) == 0:
            dilation = (self.draw(st.integers(1, 2)), self.draw(st.integers(1, 2)))
        pads: list[int] = []
        for size, k, d in zip((height, width), kernel, dilation, strict=True):
            span = extent(k, d)
            before = self.draw(st.integers(0, k - 1))
            after = self.draw(st.integers(0, k - 1))
            if span > size + before + after:
                kernel = (1, 1)
                dilation = (1, 1)
                pads = [0, 0, 0, 0]
                break
            pads += [before, after]
        stride = (self.draw(st.integers(1, 3)), self.draw(st.integers(1, 3)))
        return kernel, stride, dilation, tuple(pads)

    # Ops ----------------------------------------------------------------------------------------

    def make_conv2d(self, x: str) -> str:
        name = self.name("conv")
        kernel, stride, dilation, pads = self.windows(x, True)
        out = self.draw(st.sampled_from([4, 5, 8, 1, 2, 3, 7, 9]))
        weight, total = self.weight(f"{name}_w", (out, *kernel, self.b.shape(x)[2]))
        op = Conv2d(
            name,
            x,
            weight,
            self.bias(f"{name}_b", out),
            f"{name}_out",
            (stride[0], stride[1]),
            Padding(*pads),
            (dilation[0], dilation[1]),
            self.zero_point(x),
        )
        return self.finish(op, total * 100)

    def make_depthwiseconv2d(self, x: str) -> str:
        name = self.name("depthwise")
        kernel, stride, dilation, pads = self.windows(x, True)
        out = self.b.shape(x)[2] * self.draw(st.sampled_from([1, 1, 1, 2, 3]))
        weight, total = self.weight(f"{name}_w", (1, *kernel, out))
        op = DepthwiseConv2d(
            name,
            x,
            weight,
            self.bias(f"{name}_b", out),
            f"{name}_out",
            (stride[0], stride[1]),
            Padding(*pads),
            (dilation[0], dilation[1]),
            self.zero_point(x),
        )
        return self.finish(op, total * 100)

    def make_dense(self, x: str) -> str:
        if len(self.b.shape(x)) > 1:
            x = self.make_reshape(x)
        name = self.name("dense")
        out = self.draw(st.integers(1, 10))
        weight, total = self.weight(f"{name}_w", (out, self.b.shape(x)[-1]))
        bias = self.bias(f"{name}_b", out)
        op = Dense(name, x, weight, bias, f"{name}_out", self.zero_point(x))
        return self.finish(op, total * 100)

    def make_add(self, x: str) -> str:
        return self.sum_of(Add, x, self.name("add"))

    def make_sub(self, x: str) -> str:
        return self.sum_of(Sub, x, self.name("sub"))

    def sum_of(self, kind: type[Add | Sub], x: str, name: str) -> str:
        """``x`` and another operand, each rescaled to a common fine step."""
        return self.summed(kind, x, self.operand(x), name)

    def summed(self, kind: type[Add | Sub], x: str, other: str, name: str | None = None) -> str:
        name = name or self.name("sum")
        zero_points = (self.zero_point(x), self.zero_point(other))
        wide = 1 << 27
        rounding = self.draw(st.sampled_from(self.space.roundings))
        if self.space.dyadic or rounding is Rounding.FLOAT32:
            plain = kind(name, (x, other), f"{name}_out", zero_points)
            return self.finish(plain, 256)
        rescales = []
        for _ in range(2):
            m, s = quantize_multiplier(float(self.rng.uniform(0.1, 1.0)))
            rescales.append(Rescale((m,), (s,), rounding, -wide, wide, 0, 18))
        op = kind(name, (x, other), f"{name}_out", zero_points, (rescales[0], rescales[1]))
        return self.finish(op, 256 << 18)

    def operand(self, x: str) -> str:
        """A second operand for ``x``: a requantized copy, or (where the space has constants) a
        constant of its shape or of one with sizes of 1."""
        if Constant not in self.space.ops or self.draw(st.booleans()):
            return self.make_requantize(x)
        name = self.name("constant")
        dtype, facts = self.activation()
        shape = tuple(self.draw(st.sampled_from([1, size])) for size in self.b.shape(x))
        value = self.rng.integers(dtype.low, dtype.high + 1, shape)
        self.b.constant(f"{name}_v", value, dtype)
        return self.b.add(Constant(name, f"{name}_v", f"{name}_out"), dtype, facts)

    def make_constant(self, x: str) -> str:
        """A product with a constant: by itself a constant would cut the graph in two."""
        return self.make_mul(x)

    def make_mul(self, x: str) -> str:
        name = self.name("mul")
        other = self.operand(x)
        zero_points = (self.zero_point(x), self.zero_point(other))
        return self.finish(Mul(name, (x, other), f"{name}_out", zero_points), 1 << 15)

    def make_matmul(self, x: str) -> str:
        """``x`` and a copy of it of another quantization, one of them transposed."""
        name = self.name("matmul")
        other = self.make_requantize(x)
        first = self.draw(st.booleans())
        zero_points = (self.zero_point(x), self.zero_point(other))
        op = MatMul(name, (x, other), f"{name}_out", (first, not first), zero_points)
        return self.finish(op, self.b.shape(x)[-2 if first else -1] << 12)

    def make_prelu(self, x: str) -> str:
        name = self.name("prelu")
        slope = IntType(self.draw(st.sampled_from(self.space.weight_bits)), True)
        shape = tuple(self.draw(st.sampled_from([size, 1])) for size in self.b.shape(x))
        self.b.constant(f"{name}_s", self.rng.integers(slope.low, slope.high + 1, shape), slope)
        dtype, facts = self.activation()
        channels = self.b.shape(x)[-1]
        op = Prelu(
            name,
            x,
            f"{name}_s",
            f"{name}_out",
            self.rescale(256, channels, dtype, facts.zero_point),
            self.rescale(1 << 15, channels, dtype, facts.zero_point),
            self.zero_point(x),
            self.draw(st.sampled_from([0, slope.low, slope.high])),
        )
        return self.b.add(op, dtype, facts)

    def make_slice(self, x: str) -> str:
        name = self.name("slice")
        begin, size, stride = [], [], []
        for limit in self.b.shape(x):
            step = self.draw(st.sampled_from([1, 2, -1, 3, -2]))
            first = self.draw(st.integers(0, limit - 1))
            most = (limit - 1 - first if step > 0 else first) // abs(step) + 1
            begin.append(first)
            size.append(self.draw(st.integers(1, most)))
            stride.append(step)
        op = Slice(name, x, f"{name}_out", tuple(begin), tuple(size), tuple(stride))
        return self.same(op, x)

    def make_transpose(self, x: str) -> str:
        name = self.name("transpose")
        axes = self.draw(st.permutations(range(len(self.b.shape(x)))))
        return self.same(Transpose(name, x, f"{name}_out", tuple(axes)), x)

    def make_resizenearest(self, x: str) -> str:
        name = self.name("resize")
        rows, columns = (
            tuple(self.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=6)))
            for size in self.b.shape(x)[:2]
        )
        return self.same(ResizeNearest(name, x, f"{name}_out", rows, columns), x)

    def make_sumpool2d(self, x: str) -> str:
        name = self.name("sumpool")
        kernel, stride, _, pads = self.windows(x, False)
        op = SumPool2d(
            name,
            x,
            f"{name}_out",
            (kernel[0], kernel[1]),
            (stride[0], stride[1]),
            Padding(*pads),
            self.zero_point(x),
        )
        return self.finish(op, kernel[0] * kernel[1] * 200)

    def same(self, op: Op, x: str, shape: tuple[int, ...] | None = None) -> str:
        tensor = self.b.tensors[x]
        return self.b.add(op, tensor.dtype, tensor.quantization, shape)

    def make_avgpool2d(self, x: str) -> str:
        name = self.name("avgpool")
        kernel, stride, _, pads = self.windows(x, False)
        dtype = self.b.tensors[x].dtype
        return self.same(
            AvgPool2d(
                name,
                x,
                f"{name}_out",
                (kernel[0], kernel[1]),
                (stride[0], stride[1]),
                Padding(*pads),
                dtype.low,
                dtype.high,
            ),
            x,
        )

    def make_maxpool2d(self, x: str) -> str:
        name = self.name("maxpool")
        kernel, stride, _, pads = self.windows(x, False)
        op = MaxPool2d(
            name,
            x,
            f"{name}_out",
            (kernel[0], kernel[1]),
            (stride[0], stride[1]),
            Padding(*pads),
        )
        return self.same(op, x)

    def make_requantize(self, x: str) -> str:
        return self.requantized(x, *self.activation())

    def requantized(self, x: str, dtype: IntType, facts: Quantization) -> str:
        name = self.name("requantize")
        r = self.rescale(256, self.b.shape(x)[-1], dtype, facts.zero_point)
        if self.space.dyadic:
            r = self.per_tensor(r)
            facts = Quantization((self.scale(x) * 2.0 ** r.shift[0] / r.multiplier[0],))
        op = Requantize(name, x, f"{name}_out", r, self.zero_point(x))
        return self.b.add(op, dtype, facts)

    def make_clamp(self, x: str) -> str:
        name = self.name("clamp")
        dtype = self.b.tensors[x].dtype
        low = self.draw(st.integers(dtype.low, dtype.high))
        high = self.draw(st.integers(low, dtype.high))
        return self.same(Clamp(name, x, f"{name}_out", low, high), x)

    def make_pad(self, x: str) -> str:
        name = self.name("pad")
        pads = Padding(*(self.draw(st.integers(0, 2)) for _ in range(4)))
        return self.same(Pad(name, x, f"{name}_out", pads, self.zero_point(x)), x)

    def make_concat(self, x: str) -> str:
        name = self.name("concat")
        axis = self.draw(st.integers(0, len(self.b.shape(x)) - 1))
        other = self.make_clamp(x)
        return self.same(Concat(name, (x, other), f"{name}_out", axis), x)

    def make_reshape(self, x: str) -> str:
        name = self.name("reshape")
        tensor = self.b.tensors[x]
        return self.same(Reshape(name, x, f"{name}_out"), x, (tensor.elements,))

    def make_lookup(self, x: str) -> str:
        name = self.name("lookup")
        source = self.b.tensors[x].dtype
        dtype, facts = self.activation()
        values = self.rng.integers(dtype.low, dtype.high + 1, 1 << source.bits)
        self.b.constant(f"{name}_t", values, dtype)
        return self.b.add(Lookup(name, x, f"{name}_t", f"{name}_out"), dtype, facts)

    def make_argmax(self, x: str) -> str:
        name = self.name("argmax")
        return self.b.add(ArgMax(name, x, f"{name}_out"), S32)

    def make_layernorm(self, x: str) -> str:
        name = self.name("norm")
        channels = self.b.shape(x)[-1]
        signs = None
        if self.draw(st.integers(0, 3)) == 0:
            values = self.rng.integers(-1, 2, channels)
            signs = self.b.constant(f"{name}_s", values, IntType(2, True))
        op = LayerNorm(name, x, f"{name}_out", self.draw(st.sampled_from([0, 4194])), signs)
        dtype, facts = self.activation()
        r = self.rescale(1 << 26, channels, dtype, facts.zero_point)
        return self.b.add(replace(op, rescale=r), dtype, facts)

    def make_softmax(self, x: str) -> str:
        name = self.name("softmax")
        kind = self.draw(st.sampled_from(self.space.softmax))
        step = float(np.float32(self.draw(st.floats(0.001, 1.0))))
        op = Softmax(name, x, f"{name}_out", step, kind)
        if kind is SoftmaxKind.TABLE:
            dtype, facts = self.activation()
            r = self.rescale(1 << 30, self.b.shape(x)[-1], dtype, facts.zero_point)
            return self.b.add(replace(op, rescale=r), dtype, facts)
        return self.b.add(op, S8, Quantization((1 / 256,), -128))
