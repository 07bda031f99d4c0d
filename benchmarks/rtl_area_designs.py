"""Small random designs in Verilog, for what a cost model of the RTL layers is fitted on.

A design is its kind and its number: the same graph, folding and Verilog for ever. Those of one
layer are drawn over widths, shapes, roundings and foldings; networks are chains of layers in
balanced foldings, in the shell of a board. No folding asks the cost model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
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
    SumPool2d,
    Transpose,
)
from hwkit.ir.types import S8, S32, IntType
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.targets.rtl.bitstream import TOP as SHELL
from hwkit.targets.rtl.bitstream import board_plan
from hwkit.targets.rtl.core import Core, Stream
from hwkit.targets.rtl.cost import Cost
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.folding import Folding
from hwkit.targets.rtl.layers import Lanewise, Layer, Matrix, Window, slide
from hwkit.targets.rtl.netlist import Netlist
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import designed, modules
from hwkit.targets.rtl.verilog import TOP, verilog

MOST_PRODUCTS, MOST_LANES = 12, 4
"""Products of a layer in a cycle, or its integers where it has none: larger designs say the same,
and take longer to be synthesized."""

BOARD = boards.load("icebreaker")
"""Whose shell is around networks, for every family: its clock needs no PLL, so it fits all."""

Draw = np.random.Generator


@dataclass(frozen=True, slots=True)
class Design:
    """Verilog and images by path; ``top`` is the core's module, or the shell's."""

    kind: str
    number: int
    netlist: Netlist
    core: Core
    files: Mapping[str, bytes]
    top: str

    @property
    def digest(self) -> str:
        """Of the core and its images, without the modules that every core is made of."""
        state = hashlib.sha256()
        for name, content in sorted(self.core.files.items()):
            if not name.startswith("rtl/hwk_"):
                state.update(name.encode() + content)
        return state.hexdigest()[:12]


def design(kind: str, number: int) -> Design:
    """Design ``number`` of ``kind``, one of ``KINDS`` or ``WINDOW``."""
    if kind == WINDOW:
        return _window(number)
    rng = np.random.default_rng([list(KINDS).index(kind), number])
    graph = apply(KINDS[kind](_Maker(kind, rng)), fuse_requantize)
    net = network(graph)
    in_shell = kind in IN_SHELL
    folds = _balanced(net.layers, rng) if in_shell else _drawn(net.layers, rng)
    made = designed(graph, net, Folding(folds, 0, Cost()), "part")
    core = made.core
    files, top = core.files, TOP
    if in_shell:
        files, top = board_plan(core, graph, BOARD).files, SHELL
    files = {name: content for name, content in files.items() if name.startswith(_OF_DESIGN)}
    return Design(kind, number, made.netlist, core, files, top)


def _window(number: int) -> Design:
    """A line buffer by itself, read word by word or whole."""
    rng = np.random.default_rng([99, number])

    def one_of(*values: int) -> int:
        return int(rng.choice(values))

    height, width, channels = one_of(4, 7, 8, 14, 16, 28), one_of(4, 9, 16, 28), one_of(2, 4, 8, 16)
    size, stride, border = one_of(1, 2, 3, 3, 5), one_of(1, 1, 2), one_of(0, 0, 1)
    size = min(size, height, width)
    padding = Padding(border, border, border, border) if size > 1 else Padding()
    places = [(n + 2 * border * (size > 1) - size) // stride + 1 for n in (height, width)]
    window = Window(
        *(height, width, channels, (size, size), (stride, stride), (1, 1), padding),
        *(*places, one_of(0, 3)),
    )
    lanes, dtype = one_of(1, 2), IntType(one_of(2, 4, 8), False)
    whole, lanewise = bool(rng.integers(3) == 0), bool(rng.integers(3) == 0)
    repeats = 1 if whole or lanewise else one_of(1, 2, 8)
    net = Netlist()
    net.sources.append(net.stream("x", Stream(height * width * channels, dtype, lanes)))
    fold = Fold(lanes, lanes, False, whole)
    net.sinks.append(slide(net, "w", net.sources[0], window, fold, repeats, lanewise and not whole))
    files = {f"{TOP}.v": verilog(net, {}), **{f"rtl/{n}": text for n, text in modules().items()}}
    sources, sinks = ((net.streams[name],) for name in (*net.sources, *net.sinks))
    core = Core(files, sources, sinks, interval_cycles=0, latency_cycles=0)
    return Design(WINDOW, number, net, core, files, TOP)


_OF_DESIGN = ("rtl/", "shell/", "hwk_", "top.v")


def _drawn(layers: tuple[Layer, ...], rng: Draw) -> tuple[Fold, ...]:
    folds = []
    for layer in layers:
        some = [fold for fold in layer.folds() if _is_small(layer, fold)]
        folds.append(some[int(rng.integers(len(some)))])
    return tuple(folds)


def _balanced(layers: tuple[Layer, ...], rng: Draw) -> tuple[Fold, ...]:
    """Of each layer the folding with the fewest products in a cycle that is fast enough."""
    slowest = max(min(layer.cycles(fold) for fold in layer.folds()) for layer in layers)
    cycles = slowest * float(2 ** rng.uniform(4, 7))
    folds = []
    for layer in layers:
        fast = [fold for fold in layer.folds() if layer.cycles(fold) <= cycles and not fold.dsp]
        folds.append(min(fast, key=lambda fold: (_products(layer, fold), fold.pe, fold.simd)))
    return tuple(folds)


def _is_small(layer: Layer, fold: Fold) -> bool:
    most = MOST_PRODUCTS if isinstance(layer, Matrix | Lanewise) else MOST_LANES
    return _products(layer, fold) <= most


def _products(layer: Layer, fold: Fold) -> int:
    """Products in a cycle; of other layers the integers."""
    match layer:
        case Matrix():
            return fold.pe * fold.simd * (layer.window.taps if fold.whole else 1)
        case Lanewise():
            return fold.pe * (layer.window.taps if fold.whole else 1)
    return max(fold.pe, fold.simd)


class _Maker:
    """Appends layers whose facts are drawn."""

    def __init__(self, name: str, rng: Draw) -> None:
        self.b = GraphBuilder(name)
        self.rng = rng
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def one_of(self, *values: int) -> int:
        return int(self.rng.choice(values))

    def type(self, least: int = 2, most: int = 8) -> IntType:
        return IntType(int(self.rng.integers(least, most + 1)), bool(self.rng.integers(2)))

    def map(self, dtype: IntType | None = None, channels: int | None = None) -> str:
        shape = (
            self.one_of(3, 5, 8),
            self.one_of(3, 6, 9),
            channels or self.one_of(1, 2, 3, 4, 6, 8),
        )
        return self.b.input(f"x{len(self.b.inputs)}", shape, dtype or self.type())

    def rescale(self, dtype: IntType, channels: int, gain: float) -> Rescale:
        """To ``dtype`` from integers of about ``1 / gain``: a shift, a factor or one a channel."""
        kind, rng = self.one_of(0, 1, 2, 3, 4), self.rng
        zero = self.one_of(0, 0, int(rng.integers(dtype.low, dtype.high + 1)))
        gain = gain * max(dtype.high, 1)
        if kind <= 1:
            shift = max(round(-np.log2(gain)), 0)
            rounding = (Rounding.HALF_UP, Rounding.FLOOR, Rounding.HALF_EVEN)[self.one_of(0, 1, 2)]
            return Rescale((1,), (shift,), rounding, dtype.low, dtype.high, zero)
        count = 1 if kind == 2 else channels
        double = bool(kind == 3)
        bits = 31 if double else self.one_of(7, 12, 16)
        factors, shifts = [], []
        for scale in gain * rng.uniform(0.5, 1, count):
            exponent = int(np.floor(np.log2(scale))) + 1
            factors.append(int(scale * 2.0 ** (bits - exponent)))
            shifts.append(max(bits - exponent, 0))
        rounding = Rounding.DOUBLE if double else Rounding.HALF_UP
        offset: tuple[int, ...] = (0,)
        if kind == 4:
            offset = tuple(int(o) for o in rng.integers(-(1 << bits), 1 << bits, count))
        return Rescale(
            tuple(factors), tuple(shifts), rounding, dtype.low, dtype.high, zero, offset=offset
        )

    def weights(self, name: str, shape: tuple[int, ...], bits: int, hot: bool) -> None:
        rng = self.rng
        if hot:
            w = rng.integers(-1, 2, shape) << rng.integers(0, bits - 1, shape)
        else:
            w = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)
        w.reshape(-1)[0] = -(1 << (bits - 1))
        self.b.constant(f"{name}_w", w, IntType(bits, True))
        channels = shape[3] if shape[0] == 1 and len(shape) == 4 and shape[1] > 1 else shape[0]
        self.b.constant(f"{name}_b", rng.integers(-200, 201, channels), S32)

    def weighted(self, x: str, dtype: IntType, *, kind: str, hot: bool = False) -> str:
        """A convolution (depthwise) or dense layer of ``x``, sometimes with its sums as output."""
        name, rng, shape = self.name(), self.rng, self.b.shape(x)
        bits = self.one_of(2, 3, 4, 6, 8) if not hot else self.one_of(4, 6, 8)
        outputs = self.one_of(2, 4, 6, 8, 12)
        taps = 1
        padding, stride, kernel = Padding(), (1, 1), (1, 1)
        if kind == "dense":
            size = int(np.prod(shape))
            flat = self.b.add(
                Reshape(f"{name}_f", x, f"{name}_flat"), self.b.tensors[x].dtype, shape=(size,)
            )
            self.weights(name, (outputs, size), bits, hot)
            fan = size
        else:
            kernel = ((3, 3), (1, 1), (1, 3), (3, 3))[self.one_of(0, 1, 2, 3)]
            if kind == "depthwise":
                kernel, outputs = (3, 3), shape[2] * self.one_of(1, 1, 2)
            if kernel == (3, 3) and rng.integers(2):
                padding = Padding(1, 1, 1, 1)
                stride = (self.one_of(1, 1, 2),) * 2
            taps = kernel[0] * kernel[1]
            inputs = 1 if kind == "depthwise" else shape[2]
            first = (1, *kernel, outputs) if kind == "depthwise" else (outputs, *kernel, inputs)
            self.weights(name, first, bits, hot)
            fan = taps * inputs
        source = self.b.tensors[x].dtype
        gain = 3.0 / (source.high * 2 ** (bits - 1) * np.sqrt(fan))
        r = self.rescale(dtype, outputs, gain) if rng.integers(5) else None
        out_type = dtype if r is not None else S32
        w, b = f"{name}_w", f"{name}_b"
        if kind == "dense":
            return self.b.add(Dense(name, flat, w, b, f"{name}_y", rescale=r), out_type)
        op = DepthwiseConv2d if kind == "depthwise" else Conv2d
        return self.b.add(op(name, x, w, b, f"{name}_y", stride, padding, rescale=r), out_type)

    def pool(self, x: str) -> str:
        name, dtype = self.name(), self.b.tensors[x].dtype
        size = (self.one_of(2, 3), self.one_of(2, 3))
        stride = size if self.rng.integers(2) else (1, 1)
        match self.one_of(0, 1, 2):
            case 0:
                return self.b.add(MaxPool2d(name, x, f"{name}_y", size, stride), dtype)
            case 1:
                op = AvgPool2d(name, x, f"{name}_y", size, stride, Padding(), dtype.low, dtype.high)
                return self.b.add(op, dtype)
        r = self.rescale(dtype, 1, 1 / (size[0] * size[1] * dtype.high))
        return self.b.add(SumPool2d(name, x, f"{name}_y", size, stride, rescale=r), dtype)

    def signs(self) -> str:
        """A layer of weights and inputs of 1 and -1."""
        b, s2 = self.b, IntType(2, True)
        x = self.map(IntType(2, True))
        b.constant("t", np.array([-1, -1, 1, 1]), s2)
        x = b.add(Lookup("signs", x, "t", "signs_y"), s2)
        outputs = self.one_of(4, 8, 12)
        shape = (outputs, 3, 3, b.shape(x)[2])
        b.constant("w", self.rng.choice([-1, 1], shape), s2)
        fan = int(np.prod(shape[1:]))
        r = self.rescale(IntType(self.one_of(1, 1, 2), False), outputs, 0.5 / np.sqrt(fan))
        dtype = IntType(2 if r.high > 1 else 1, False)
        return b.add(Conv2d("c", x, "w", None, "c_y", rescale=r), dtype)


def _weighted(kind: str, hot: bool = False) -> Callable[[_Maker], Graph]:
    def make(m: _Maker) -> Graph:
        return m.b.build([m.weighted(m.map(), m.type(), kind=kind, hot=hot)])

    return make


def _pool(m: _Maker) -> Graph:
    return m.b.build([m.pool(m.map())])


def _rescale(m: _Maker) -> Graph:
    x = m.map(IntType(m.one_of(8, 12, 16, 20), True), m.one_of(4, 8, 12))
    dtype = m.type(1)
    source = m.b.tensors[x].dtype
    r = m.rescale(dtype, m.b.shape(x)[2], 1 / source.high)
    zero = m.one_of(0, 0, 3)
    return m.b.build([m.b.add(Requantize("r", x, "y", r, zero), dtype)])


def _table(m: _Maker) -> Graph:
    x = m.map(m.type(2, 8))
    source, dtype = m.b.tensors[x].dtype, m.type(2, 8)
    m.b.constant("t", m.rng.integers(dtype.low, dtype.high + 1, 1 << source.bits), dtype)
    return m.b.build([m.b.add(Lookup("t1", x, "t", "y"), dtype)])


def _two(m: _Maker) -> Graph:
    """A sum or a product of two maps."""
    shape = (4, 4, m.one_of(1, 2, 4, 8))
    a, b = (m.b.input(name, shape, m.type(3)) for name in ("a", "b"))
    dtype, sources = m.type(3), [m.b.tensors[name].dtype.high for name in (a, b)]
    if m.rng.integers(3):
        each: tuple[Rescale | None, Rescale | None] = (None, None)
        if m.rng.integers(2):
            wide = IntType(12, True)
            first, second = (m.rescale(wide, 1, 0.25 / high) for high in sources)
            each = (first, second)
            sources = [wide.high // 4] * 2
        r = m.rescale(dtype, shape[2], 1 / sum(sources))
        return m.b.build(
            [m.b.add(Add("s", (a, b), "y", (m.one_of(0, 3), 0), each, rescale=r), dtype)]
        )
    r = m.rescale(dtype, shape[2], 1 / (sources[0] * sources[1]))
    return m.b.build([m.b.add(Mul("p", (a, b), "y", (m.one_of(0, 2), 0), rescale=r), dtype)])


def _moved(m: _Maker) -> Graph:
    """Integers in another order, or two maps beside each other."""
    x, b = m.map(), m.b
    h, w, c = b.shape(x)
    dtype = b.tensors[x].dtype
    match m.one_of(0, 1, 2, 3, 4):
        case 0:
            return b.build([b.add(Transpose("t", x, "y", (1, 0, 2)), dtype)])
        case 1:
            large = ResizeNearest(
                "t", x, "y", tuple(np.repeat(range(h), 2).tolist()), tuple(range(w))
            )
            return b.build([b.add(large, dtype)])
        case 2:
            return b.build([b.add(Slice("t", x, "y", (1, 0, 0), (h - 1, w, c), (1, 1, 1)), dtype)])
        case 3:
            return b.build([b.add(Pad("t", x, "y", Padding(1, 1, 0, 2), 1), dtype)])
    other = b.input("z", (h, w, c), dtype)
    return b.build([b.add(Concat("t", (x, other), "y", m.one_of(0, 2)), dtype)])


def _prelu(m: _Maker) -> Graph:
    x, b = m.map(S8), m.b
    slope = IntType(4, True)
    b.constant("slope", m.rng.integers(-8, 8, (1, 1, b.shape(x)[2])), slope)
    r = m.rescale(S8, 1, 1 / 127)
    negative = m.rescale(S8, 1, 1 / 900)
    return b.build([b.add(Prelu("p", x, "slope", "y", r, negative, 3, 1), S8)])


def _largest(m: _Maker) -> Graph:
    x = m.b.input("x", (m.one_of(3, 5, 8, 10, 12),), m.type(4, 16))
    return m.b.build([m.b.add(ArgMax("a", x, "y"), S32)])


def _softmax(m: _Maker) -> Graph:
    x = m.b.input("x", (m.one_of(4, 10, 20),), S8)
    if m.rng.integers(2):
        return m.b.build([m.b.add(Softmax("s", x, "y", 0.1, SoftmaxKind.FIXED), S8)])
    table = Rescale((1,), (22,), Rounding.HALF_EVEN, -128, 127, -128)
    op = Softmax("s", x, "y", 0.02, SoftmaxKind.TABLE, table)
    return m.b.build([m.b.add(op, S8)])


def _shell(m: _Maker) -> Graph:
    """Hardly more than a shell."""
    dtype = m.type(1, 16)
    shape = (m.one_of(1, 4, 8), m.one_of(1, 5, 9), m.one_of(1, 2, 3, 4, 8))
    x = m.b.input("x", shape, dtype)
    r = Rescale((1,), (1,), Rounding.FLOOR, dtype.low, dtype.high)
    return m.b.build([m.b.add(Requantize("r", x, "y", r), dtype)])


def _chain(m: _Maker) -> Graph:
    """A network of convolutions, pools, a sum now and then, and a dense layer."""
    x = m.b.input("x", (m.one_of(8, 10), m.one_of(8, 9), m.one_of(1, 2, 3)), m.type(4))
    bits = m.one_of(2, 3, 4, 8)
    dtype = IntType(bits, bool(m.rng.integers(2)))
    for _ in range(m.one_of(1, 2, 3)):
        kind = ("conv", "conv", "depthwise", "pool", "sum")[m.one_of(0, 1, 2, 3, 4)]
        if kind == "sum":
            name, channels = m.name(), m.b.shape(x)[2]
            r = m.rescale(dtype, channels, 0.5 / m.b.tensors[x].dtype.high)
            x = m.b.add(Add(name, (x, x), f"{name}_y", rescale=r), dtype)
        elif kind == "pool" and min(m.b.shape(x)[:2]) > 3:
            x = m.pool(x)
        elif min(m.b.shape(x)[:2]) > 3:
            y = m.weighted(
                x, dtype, kind="conv" if kind == "pool" else kind, hot=not m.one_of(0, 1, 1, 1)
            )
            if m.b.tensors[y].dtype == S32:
                name = m.name()
                r = m.rescale(dtype, m.b.shape(y)[2], 1 / 1000)
                y = m.b.add(Requantize(name, y, f"{name}_y", r), dtype)
            x = y
    return m.b.build([m.weighted(x, S8, kind="dense")])


def _signs(m: _Maker) -> Graph:
    return m.b.build([m.signs()])


KINDS: Mapping[str, Callable[[_Maker], Graph]] = {
    "conv": _weighted("conv"),
    "dense": _weighted("dense"),
    "khot": _weighted("conv", hot=True),
    "depthwise": _weighted("depthwise"),
    "signs": _signs,
    "pool": _pool,
    "rescale": _rescale,
    "table": _table,
    "two": _two,
    "moved": _moved,
    "prelu": _prelu,
    "argmax": _largest,
    "softmax": _softmax,
    "shell": _shell,
    "network": _chain,
}
"""What draws the graph of each kind."""

WINDOW = "window"
"""The kind that is no layer."""

IN_SHELL = ("shell", "network")
"""Kinds that are a board's design, not a core alone."""
