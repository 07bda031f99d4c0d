"""Small networks with everything that a folded core is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
    Overflow,
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
)
from hwkit.ir.types import S8, S32, U8, Array, IntType

SAME = Padding(1, 1, 1, 1)
_S5 = IntType(5, True)


class Maker:
    """Appends layers with random weights; shapes are inferred."""

    def __init__(self, name: str, seed: int) -> None:
        self.b = GraphBuilder(name)
        self.rng = np.random.default_rng(seed)
        self.count = 0

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def weights(self, shape: tuple[int, ...], bits: int, hot: bool) -> Array:
        if not hot:
            return self.rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)
        signs = self.rng.integers(-1, 2, shape)
        return signs << self.rng.integers(0, bits - 1, shape)

    def conv(
        self,
        x: str,
        outputs: int,
        dtype: IntType,
        *,
        kernel: int = 3,
        stride: int = 1,
        bits: int = 3,
        hot: bool = False,
        depthwise: bool = False,
        shift: int = 5,
    ) -> str:
        """Convolution (or depthwise with ``outputs`` channels) with a shift behind it."""
        name, channels = self.name("conv"), self.b.shape(x)[2]
        shape = (1, kernel, kernel, outputs) if depthwise else (outputs, kernel, kernel, channels)
        self.b.constant(f"{name}_w", self.weights(shape, bits, hot), IntType(bits, True))
        self.b.constant(f"{name}_b", self.rng.integers(-40, 41, outputs), S32)
        r = Rescale((1,), (shift,), Rounding.HALF_UP, dtype.low, dtype.high)
        padding = SAME if kernel == 3 else Padding()
        kind = DepthwiseConv2d if depthwise else Conv2d
        op = kind(name, x, f"{name}_w", f"{name}_b", f"{name}_y", (stride, stride), padding)
        return self.b.add(_with(op, r), dtype)

    def add(self, a: str, b: str, dtype: IntType) -> str:
        name = self.name("add")
        r = Rescale((1,), (1,), Rounding.HALF_EVEN, dtype.low, dtype.high)
        return self.b.add(Add(name, (a, b), f"{name}_y", rescale=r), dtype)

    def dense(self, x: str, outputs: int, bits: int) -> str:
        flat = self.name("flat")
        size = int(np.prod(self.b.shape(x)))
        dtype = self.b.tensors[x].dtype
        self.b.add(Reshape(flat, x, f"{flat}_y"), dtype, shape=(size,))
        name = self.name("fc")
        self.b.constant(
            f"{name}_w", self.weights((outputs, size), bits, False), IntType(bits, True)
        )
        r = Rescale((1,), (2,), Rounding.HALF_UP, S8.low, S8.high)
        op = Dense(name, f"{flat}_y", f"{name}_w", None, f"{name}_y")
        return self.b.add(_with(op, r), S8)


def _with(op: Conv2d | DepthwiseConv2d | Dense, r: Rescale) -> Conv2d | DepthwiseConv2d | Dense:
    return replace(op, rescale=r)


def resnet8(side: int, width: int, seed: int = 0) -> Graph:
    """ResNet8's layers at low widths: three stages with residual adds, average, dense.

    ``resnet8(32, 16)`` has the 12.5 million multiplications of MLPerf Tiny's.
    """
    m = Maker("resnet8", seed)
    u4 = IntType(4, False)
    x = m.conv(m.b.input("x", (side, side, 3), U8), width, u4, bits=4, shift=8)
    for stage in range(3):
        outputs, stride = width << stage, 1 + (stage > 0)
        branch = m.conv(x, outputs, u4, stride=stride)
        branch = m.conv(branch, outputs, u4)
        if stage:
            x = m.conv(x, outputs, u4, kernel=1, stride=stride, shift=4)
        x = m.add(x, branch, u4)
    size = m.b.shape(x)[0]
    r = Rescale((1,), (2,), Rounding.HALF_UP, 0, 15)
    pool = SumPool2d("pool", x, "pool_y", (size, size), (size, size), rescale=r)
    return m.b.build([m.dense(m.b.add(pool, u4), 10, 4)])


def mixed(seed: int = 1) -> Graph:
    """K-hot convolution, depthwise with two outputs a channel, maxima with a border, a mean."""
    m = Maker("mixed", seed)
    u6, s5 = IntType(6, False), IntType(5, True)
    x = m.b.input("x", (9, 7, 4), s5)
    x = m.conv(x, 6, u6, hot=True, bits=6, stride=2)
    x = m.conv(x, 12, s5, depthwise=True, bits=6)
    x = m.b.add(MaxPool2d("maxima", x, "maxima_y", (3, 3), (1, 1), SAME), s5)
    x = m.b.add(AvgPool2d("mean", x, "mean_y", (2, 3), (2, 1), Padding(), -16, 15), s5)
    return m.b.build([m.dense(x, 5, 2)])


def int8(seed: int = 2) -> Graph:
    """As imported from .tflite: zero points, a multiplier for each channel, double rounding."""
    m = Maker("int8", seed)
    x = m.b.input("x", (6, 6, 3), S8)
    pairs = [quantize_multiplier(float(f)) for f in m.rng.uniform(0.0005, 0.004, 8)]
    multiplier, shift = zip(*pairs, strict=True)
    r = Rescale(multiplier, shift, Rounding.DOUBLE, -128, 127, -9)
    m.b.constant("c_w", m.rng.integers(-127, 128, (8, 3, 3, 3)), S8)
    m.b.constant("c_b", m.rng.integers(-2000, 2001, 8), S32)
    conv = Conv2d("c", x, "c_w", "c_b", "c_y", (1, 1), SAME, (1, 1), 5, rescale=r)
    y = m.b.add(conv, S8)
    one, right = quantize_multiplier(0.37)
    r = Rescale((one,), (right,), Rounding.DOUBLE, -128, 127, 4)
    m.b.constant("p_w", m.rng.integers(-127, 128, (8, 1, 1, 8)), S8)
    pairs = [quantize_multiplier(float(f)) for f in m.rng.uniform(0.0005, 0.004, 8)]
    multiplier, shift = zip(*pairs, strict=True)
    point = Rescale(multiplier, shift, Rounding.DOUBLE, -128, 127, 3)
    p = Conv2d("p", y, "p_w", None, "p_y", input_zero_point=-9, rescale=point)
    z = m.b.add(p, S8)
    wide = Rescale((1 << 30,), (31,), Rounding.DOUBLE, -(1 << 27), 1 << 27, 0, 18)
    last = Rescale((one,), (right + 18,), Rounding.DOUBLE, -128, 127, 4)
    add = Add("add", (y, z), "add_y", (-9, 3), (wide, wide), rescale=last)
    return m.b.build([m.b.add(add, S8)])


def signs(seed: int = 8) -> Graph:
    """Weights and activations of 1 and -1: convolutions, a maximum, dense layers."""
    m = Maker("signs", seed)
    x, s2, u1 = m.b.input("x", (8, 7, 4), IntType(3, True)), IntType(2, True), IntType(1, False)
    m.b.constant("of_integers", np.where(np.arange(8) < 3, -1, 1), s2)
    m.b.constant("of_bits", np.array([-1, 1]), s2)
    x = m.b.add(Lookup("signs", x, "of_integers", "signs_y"), s2)

    def weighted(name: str, shape: tuple[int, ...]) -> tuple[str, str]:
        m.b.constant(f"{name}_w", m.rng.choice([-1, 1], shape), s2)
        m.b.constant(f"{name}_b", m.rng.integers(-4, 5, shape[0]), S32)
        return f"{name}_w", f"{name}_b"

    def bits(count: int) -> Rescale:
        factors = tuple(int(f) for f in m.rng.integers(1000, 2000, count))
        offsets = tuple(int(o) for o in m.rng.integers(-2000, 2000, count))
        return Rescale(factors, (15,) * count, Rounding.FLOOR, 0, 1, 1, offset=offsets)

    for name, outputs in (("first", 6), ("second", 4)):
        shape = (outputs, 3, 3, m.b.shape(x)[2])
        op = Conv2d(name, x, *weighted(name, shape), f"{name}_y", rescale=bits(outputs))
        x = m.b.add(op, u1)
        x = m.b.add(Lookup(f"{name}_signs", x, "of_bits", f"{name}_z"), s2)
        if name == "first":
            x = m.b.add(MaxPool2d("maxima", x, "maxima_y", (2, 2), (1, 1)), s2)
    flat = m.b.add(Reshape("flat", x, "flat_y"), s2, shape=(int(np.prod(m.b.shape(x))),))
    weight, bias = weighted("fc", (5, m.b.shape(flat)[0]))
    return m.b.build([m.b.add(Dense("fc", flat, weight, bias, "fc_y"), S32)])


def pointwise(seed: int = 3) -> Graph:
    """Integers that wrap, a table, a border, a clamp, a difference, each by itself."""
    m = Maker("pointwise", seed)
    s4, s6 = IntType(4, True), IntType(6, True)
    x = m.b.input("x", (3, 5, 4), S8)
    wrap = Rescale((3,), (2,), Rounding.HALF_EVEN, -8, 7, overflow=Overflow.WRAP)
    a = m.b.add(Requantize("wrap", x, "wrap_y", wrap, 7), s4)
    m.b.constant("table", m.rng.integers(-32, 32, 16), s6)
    a = m.b.add(Lookup("lookup", a, "table", "lookup_y"), s6)
    a = m.b.add(Pad("pad", a, "pad_y", Padding(1, 0, 0, 2), -5), s6)
    b = m.b.add(Clamp("clamp", a, "clamp_y", -20, 11), s6)
    double = Rescale((2,), (0,), Rounding.FLOOR, -(1 << 20), 1 << 20)
    r = Rescale((5, 1, 2, 7), (3, 1, 2, 4), Rounding.FLOOR, -32, 31, 1)
    sub = Sub("sub", (a, b), "sub_y", (3, -4), (None, double), rescale=r)
    return m.b.build([m.b.add(sub, s6)])


def bordered(height: int = 7, seed: int = 4) -> Graph:
    """A border, whole or of one side, in front of everything that slides a window."""
    m = Maker("bordered", seed)
    u4 = IntType(4, False)
    x = m.b.input("x", (height, 8, 2), u4)

    def pad(x: str, *sides: int) -> str:
        name = m.name("pad")
        return m.b.add(Pad(name, x, f"{name}_y", Padding(*sides), 3), u4)

    x = m.conv(pad(x, 1, 1, 1, 1), 3, u4, stride=2)
    x = m.conv(pad(x, 2, 1, 0, 3), 3, u4, depthwise=True)
    x = m.b.add(MaxPool2d("maxima", pad(x, 0, 2, 1, 0), "maxima_y", (2, 3), (1, 2)), u4)
    r = Rescale((1,), (2,), Rounding.HALF_UP, 0, 15)
    x = m.b.add(SumPool2d("sums", pad(x, 3, 0, 0, 0), "sums_y", (2, 2), (2, 2), rescale=r), u4)
    return m.b.build([m.b.add(Clamp("last", pad(x, 1, 1, 0, 2), "y", 1, 14), u4)])


def moved(seed: int = 6) -> Graph:
    """Attention over channels between parts of a map that go ways of their own; two heads."""
    m = Maker("moved", seed)
    b, rng = m.b, m.rng
    b.input("x", (6, 5, 4), S8)
    half = Rescale((3 << 20,), (22,), Rounding.HALF_UP, -128, 127)
    b.add(Slice("left", "x", "l", (0, 0, 0), (6, 2, 4), (1, 1, 1)), S8)
    b.add(Slice("right", "x", "r", (5, 4, 0), (6, 2, 4), (-1, -2, 1)), S8)
    b.add(Concat("both", ("l", "r"), "map", 2), S8)
    b.add(SumPool2d("pool", "map", "sums", (6, 2), (6, 2), rescale=half), S8)
    b.add(Mul("attend", ("map", "sums"), "attended", (1, -2), rescale=_eighth()), S8)
    b.constant("slope", rng.integers(-8, 8, (1, 1, 8)), IntType(4, True))
    b.add(Prelu("prelu", "attended", "slope", "p", half, _eighth(), 3, 1), S8)
    b.add(ResizeNearest("twice", "p", "large", (0, 0, 3, 3, 5), (0, 0, 1, 1)), S8)
    b.constant("c", rng.integers(-8, 8, (1, 4, 1)), IntType(4, True))
    b.add(Constant("constant", "c", "k"), IntType(4, True))
    b.add(Add("offset", ("large", "k"), "o", rescale=half), S8)
    b.add(AvgPool2d("mean", "o", "means", (3, 2), (2, 1), SAME, -128, 127), S8)
    b.add(Transpose("turn", "means", "t", (2, 0, 1)), S8)
    b.add(Reshape("flat", "t", "f"), S8, shape=(b.tensors["t"].elements,))
    b.constant("w", rng.integers(-8, 8, (5, b.tensors["t"].elements)), IntType(4, True))
    b.add(Dense("fc", "f", "w", None, "logits", rescale=_eighth()), S8)
    b.add(Softmax("top", "logits", "y", 0.1, SoftmaxKind.FIXED), S8)
    table = Rescale((1,), (22,), Rounding.HALF_EVEN, -128, 127, -128)
    b.add(Softmax("other", "logits", "z", 0.02, SoftmaxKind.TABLE, table), S8)
    return b.build(["y", "z"])


def _eighth() -> Rescale:
    return Rescale((5 << 18,), (24,), Rounding.HALF_EVEN, -128, 127)


def feeds_of(graph: Graph, steps: int, seed: int) -> dict[str, Array]:
    """Random integers of every input; the lowest and the highest come first."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        low, high = tensor.dtype.low, tensor.dtype.high
        x = rng.integers(low, high + 1, (steps, *tensor.shape))
        x[0], x[1] = low, high
        feeds[name] = x.astype(tensor.dtype.container)
    return feeds


def _halved(b: GraphBuilder, a: str, c: str, name: str, dtype: IntType) -> str:
    r = Rescale((1,), (1,), Rounding.HALF_EVEN, dtype.low, dtype.high)
    return b.add(Add(name, (a, c), f"{name}_y", rescale=r), dtype)


def branches() -> Graph:
    """Two inputs of other sizes that meet late, three outputs at other depths, one an accumulator;
    a state that the map goes through on its way and one of the result."""
    m = Maker("branches", 5)
    a = m.b.input("a", (9, 6, 4), U8)
    c = m.b.input("b", (5, 3, 2), S8)
    deep = m.conv(m.conv(a, 6, _S5), 4, _S5, stride=2)
    near = m.conv(c, 4, _S5, kernel=1)
    seen = m.b.state("seen", m.rng.integers(-16, 16, (5, 3, 4)), _S5)
    both = _halved(m.b, deep, near, "both", _S5)
    m.b.update("seen", both)
    smooth = _halved(m.b, both, m.conv(seen, 4, _S5, bits=4), "smooth", _S5)
    total = m.b.state("total", np.zeros(3), S8)
    logits = m.dense(smooth, 3, 3)
    r = Rescale((1,), (1,), Rounding.FLOOR, -128, 127)
    m.b.update("total", m.b.add(Sub("leak", (total, logits), "leak_y", rescale=r), S8))
    wide = m.b.add(Add("wide", (smooth, near), "wide_y"), S32)
    return m.b.build([wide, logits, both])


def wires() -> Graph:
    """An input that is an output, a tensor that is two, one that is none; a state that is an output
    and its own update by way of another; one that keeps its value; one that an input writes."""
    m = Maker("wires", 6)
    a, _ = m.b.input("a", (2, 3, 4), _S5), m.b.input("unused", (7, 1, 5), U8)
    m.b.input("once", (2, 3, 4), _S5)
    before = m.b.state("before", m.rng.integers(-16, 16, (2, 3, 4)), _S5)
    older = m.b.state("older", np.full((2, 3, 4), 7), _S5)
    fixed = m.b.state("fixed", m.rng.integers(-16, 16, (2, 3, 4)), _S5)
    m.b.update(before, a)
    m.b.update(older, before)
    m.b.update(fixed, fixed)
    y = _halved(m.b, older, fixed, "y", _S5)
    flat = m.b.add(Reshape("flat", y, "flat_y"), _S5, shape=(24,))
    clamped = m.b.add(Clamp("clamp", flat, "clamp_y", -3, 9), _S5)
    return m.b.build([a, clamped, y, clamped, older, flat])


def loop() -> Graph:
    """A map that a convolution and a maximum take back to the front: what an inference begins with
    is the end of the one before."""
    m = Maker("loop", 7)
    x = m.b.input("x", (5, 5, 2), _S5)
    held = m.b.state("held", m.rng.integers(-16, 16, (5, 5, 2)), _S5)
    mixed = m.conv(_halved(m.b, x, held, "mix", _S5), 2, _S5, bits=4, shift=3)
    pool = MaxPool2d("pool", mixed, "pool_y", (3, 3), (1, 1), Padding(1, 1, 1, 1))
    m.b.update(held, m.b.add(pool, _S5))
    return m.b.build([mixed])


def recurrent() -> Graph:
    """A recurrent layer: what it said last and the input, through weights, several stages long."""
    m = Maker("recurrent", 3)
    x, gate = m.b.input("x", (6,), IntType(4, True)), m.b.input("gate", (5,), IntType(4, False))
    said = m.b.state("said", m.rng.integers(-128, 128, 5), S8)
    count = m.b.state("count", np.array([3]), S8)
    r = Rescale((1,), (1,), Rounding.HALF_EVEN, -128, 127)
    both = m.b.add(Add("both", (m.dense(said, 5, 3), m.dense(x, 5, 4)), "both_y", rescale=r), S8)
    new = m.b.add(Add("new", (both, gate), "new_y", rescale=r), S8)
    m.b.update(said, new)
    m.b.update(count, m.b.add(Requantize("grow", count, "grow_y", replace(r, shift=(0,)), -1), S8))
    return m.b.build([new, count, both])
