"""The layers of a core and how each becomes instances, for any folding.

A folding says how many integers enter and leave a layer in a cycle (``simd`` and ``pe``, as in
FINN); everything else about a layer is fixed by the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hwkit.ir.ops import Padding
from hwkit.ir.types import Array, IntType
from hwkit.targets.rtl import khot
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.fold import BeatByBeat, Fold, divisors
from hwkit.targets.rtl.moving import Gather, Join, Source
from hwkit.targets.rtl.netlist import Netlist, packed
from hwkit.targets.rtl.pairs import Choice, Product
from hwkit.targets.rtl.ranges import Range, signed_bits
from hwkit.targets.rtl.rescaled import rescaled, resized
from hwkit.targets.rtl.rescaling import Scaling
from hwkit.targets.rtl.softmax import Normalized

MULTIPLY, DSP, K_HOT, ONES, MAXIMUM, SIGNS = range(6)
"""``KIND`` of ``hwk_matrix``."""

MOST_HOT = 2
"""Signed powers of two in a weight up to which its products take no DSP block."""

MOST_TERMS = 144
"""Products of one sum in a cycle where a beat has a whole window: more would be slower to add up
than they are to come."""

LINK_DEPTH = 2
"""Beats of the FIFO behind every layer, which keeps the ready signals of layers apart."""


@dataclass(frozen=True, slots=True)
class Window:
    """A map (height, width, channels), what slides over it, and the map (out_height, out_width)
    of its places. ``pad`` is the integer outside the map."""

    height: int
    width: int
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    out_height: int
    out_width: int
    pad: int

    @property
    def taps(self) -> int:
        """Places of the kernel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def places(self) -> int:
        """Places of the output."""
        return self.out_height * self.out_width

    @property
    def rows(self) -> int:
        """Rows of the line buffer: a window's, and those that the next row of windows adds. The
        first windows of a map need a whole window of new rows; where most windows are such, two
        maps are held, or neither side would work while the other does."""
        span = (self.kernel[0] - 1) * self.dilation[0] + 1
        if 1 < span >= self.out_height:
            return 2 * self.height
        return min(span + self.stride[0], 2 * self.height)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many taps lie on the map, for each integer of the output, or one entry for all."""
        axes = zip(
            (self.out_height, self.out_width),
            self.kernel,
            self.stride,
            self.dilation,
            (self.padding.top, self.padding.left),
            (self.height, self.width),
            strict=True,
        )
        rows, columns = (
            _inside(np.arange(out)[:, None] * stride + np.arange(kernel) * dilation - before, size)
            for out, kernel, stride, dilation, before, size in axes
        )
        every = np.repeat(np.outer(rows, columns).reshape(-1), self.channels)
        counts: list[int] = every.tolist()
        return tuple(counts) if len(set(counts)) > 1 else tuple(counts[:1])

    @property
    def columns(self) -> int:
        """Columns from the first of a row of windows to its last, padding and all."""
        reach = (self.kernel[1] - 1) * self.dilation[1]
        return (self.out_width - 1) * self.stride[1] + reach + 1

    def whole_cycles(self, groups: int, repeats: int) -> int:
        """Cycles in which the windows of a map are read with all taps at once, ``groups`` words of
        a place and ``repeats`` times each, or the map is written."""
        reads = self.out_height * (self.columns * groups + self.out_width * (repeats - 1))
        return max(reads, self.height * self.width * groups)

    @property
    def is_trivial(self) -> bool:
        """Whether the words of the windows are those of the map."""
        ones = (1, 1)
        return self.kernel == ones and self.stride == ones and self.padding == Padding()


def _inside(places: Array, size: int) -> Array:
    count: Array = ((places >= 0) & (places < size)).sum(axis=1)
    return count


@dataclass(frozen=True, slots=True)
class Matrix:
    """Convolution or dense: ``weights`` (outputs, taps, channels), ``bias`` (outputs,) with the
    zero point's part in it; ``acc_bits`` holds every sum; ``hot`` is the most signed powers of two
    in a weight. With ``signs`` all inputs and weights are 1 or -1, inputs on wires of one bit (1
    and 0), and the number of products is subtracted from the bias."""

    name: str
    inputs: tuple[str, ...]
    output: str
    window: Window
    source: IntType
    weights: Array
    weight_bits: int
    hot: int
    bias: Array
    acc_bits: int
    scaling: Scaling | None
    signs: bool = False

    @property
    def size(self) -> int:
        """Integers of the output."""
        return self.window.places * len(self.weights)

    def folds(self) -> Iterator[Fold]:
        """Every pair of divisors; products of weights that are not K-hot in logic or DSP blocks.
        With all taps at once either all channels come in a beat, or all outputs are made."""
        outputs, taps, channels = self.weights.shape
        for pe in divisors(outputs):
            for simd in divisors(channels):
                once = taps > 1 and (pe == outputs or simd == channels)
                for whole in (False, True)[: 1 + (once and taps * simd <= MOST_TERMS)]:
                    yield Fold(simd, pe, False, whole)
                    if self.hot > MOST_HOT:
                        yield Fold(simd, pe, True, whole)

    def kind(self, fold: Fold) -> int:
        """How the products are made."""
        if self.signs:
            return SIGNS
        if by_shifts(self.hot, self.weight_bits):
            return K_HOT
        return DSP if fold.dsp else MULTIPLY

    def cycles(self, fold: Fold) -> int:
        """Beats of an inference through the busiest port."""
        outputs, taps, channels = self.weights.shape
        if fold.whole:
            return self.window.whole_cycles(channels // fold.simd, outputs // fold.pe)
        reads = self.window.places * taps * (channels // fold.simd) * (outputs // fold.pe)
        writes = self.window.height * self.window.width * (channels // fold.simd)
        return int(max(reads, writes))

    def needs_window(self, fold: Fold) -> bool:
        """Whether words come out other than they came in."""
        return not self.window.is_trivial or fold.pe < len(self.weights)

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """Window, matrix, rescale; returns the output's stream."""
        outputs, taps, channels = self.weights.shape
        repeats = outputs // fold.pe
        source = sources[0]
        groups = channels // fold.simd
        if fold.whole:
            source = slide(net, self.name, source, self.window, fold, repeats, False)
        elif self.needs_window(fold):
            source = slide(net, self.name, source, _by_row(self.window), fold, repeats, False)
        at_once = taps if fold.whole else 1
        parameters = {
            "PE": fold.pe,
            "SIMD": fold.simd,
            "TAPS": at_once,
            "FOLDS": taps // at_once * groups,
            "GROUPS": repeats,
            "LANEWISE": 0,
            "KIND": self.kind(fold),
        }
        return _accumulate(net, self, source, parameters, fold)

    def words(self, fold: Fold) -> Array:
        """The weights as they are stored, a word for each beat of all outputs."""
        outputs, taps, channels = self.weights.shape
        repeats, groups = outputs // fold.pe, channels // fold.simd
        order = self.weights.reshape(repeats, fold.pe, taps, groups, fold.simd)
        if fold.whole:
            # (group of outputs, group of inputs) in turn, (output, tap, input) in a word.
            return order.transpose(0, 3, 1, 2, 4).reshape(-1, fold.pe * taps * fold.simd)
        # (group of outputs, tap, group of inputs) in turn, (output, input) in a word.
        return order.transpose(0, 2, 3, 1, 4).reshape(-1, fold.pe * fold.simd)


@dataclass(frozen=True, slots=True)
class Lanewise:
    """Depthwise convolution and pooling: ``weights`` (outputs, taps), or None with ``kind``
    ``ONES`` or ``MAXIMUM``; ``times`` outputs of each channel; ``hot`` as for ``Matrix``."""

    name: str
    inputs: tuple[str, ...]
    output: str
    window: Window
    source: IntType
    weights: Array | None
    weight_bits: int
    hot: int
    bias: Array
    acc_bits: int
    scaling: Scaling | None
    fixed_kind: int
    times: int = 1

    @property
    def size(self) -> int:
        """Integers of the output."""
        return self.window.places * self.window.channels * self.times

    def folds(self) -> Iterator[Fold]:
        """Every divisor of the channels; of sums also all taps at once."""
        at_once = 1 < self.window.taps <= MOST_TERMS and self.fixed_kind != MAXIMUM
        for lanes in divisors(self.window.channels):
            for whole in (False, True)[: 1 + at_once]:
                yield Fold(lanes, lanes * self.times, False, whole)
                if self.weights is not None and self.hot > MOST_HOT:
                    yield Fold(lanes, lanes * self.times, True, whole)

    def kind(self, fold: Fold) -> int:
        """How the products are made."""
        if self.weights is None:
            return self.fixed_kind
        if by_shifts(self.hot, self.weight_bits):
            return K_HOT
        return DSP if fold.dsp else MULTIPLY

    def cycles(self, fold: Fold) -> int:
        """Beats of an inference through the busiest port."""
        w = self.window
        if fold.whole:
            return w.whole_cycles(w.channels // fold.simd, 1)
        return max(w.places * w.taps, w.height * w.width) * (w.channels // fold.simd)

    def needs_window(self, fold: Fold) -> bool:
        """Whether words come out other than they came in."""
        return not self.window.is_trivial

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """Window, matrix, rescale; returns the output's stream."""
        w = self.window
        source = sources[0]
        if self.needs_window(fold):
            source = slide(net, self.name, source, w, fold, 1, True)
        groups = w.channels // fold.simd
        at_once = w.taps if fold.whole else 1
        parameters = {
            "PE": fold.pe,
            "SIMD": fold.simd,
            "TAPS": at_once,
            "FOLDS": w.taps // at_once,
            "GROUPS": groups,
            "LANEWISE": 1,
            "KIND": self.kind(fold),
        }
        return _accumulate(net, self, source, parameters, fold)

    def words(self, fold: Fold) -> Array:
        """The weights as they are stored, a word for each beat of all outputs."""
        assert self.weights is not None
        w, at_once = self.window, self.window.taps if fold.whole else 1
        order = self.weights.reshape(w.channels // fold.simd, fold.pe, w.taps // at_once, at_once)
        return order.transpose(0, 2, 1, 3).reshape(-1, fold.pe * at_once)


@dataclass(frozen=True, slots=True)
class Pointwise(BeatByBeat):
    """A rescale (or clamp) of ``size`` integers, ``channels`` of them in turn."""

    name: str
    inputs: tuple[str, ...]
    output: str
    size: int
    channels: int
    source: IntType
    scaling: Scaling

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One rescale; returns the output's stream."""
        return rescaled(net, self.name, sources[0], self.scaling, fold.pe)


@dataclass(frozen=True, slots=True)
class Table(BeatByBeat):
    """Any function of one integer; ``entries`` by bit pattern of the input."""

    name: str
    inputs: tuple[str, ...]
    output: str
    size: int
    channels: int
    source: IntType
    entries: Array
    dtype: IntType

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One lookup; returns the output's stream."""
        words = (packed((int(value),), self.dtype.bits) for value in self.entries)
        parameters: dict[str, int | str] = {
            "LANES": fold.pe,
            "IN_BITS": self.source.bits,
            "OUT_BITS": self.dtype.bits,
            "IMAGE": net.image(f"{self.name}_table", words, self.dtype.bits),
        }
        made = Stream(self.size, self.dtype, fold.pe)
        return net.add("hwk_lookup", self.name, parameters, (sources[0],), made)


@dataclass(frozen=True, slots=True)
class Border:
    """A map with constant rows and columns around it, on wires of ``source``."""

    name: str
    inputs: tuple[str, ...]
    output: str
    window: Window
    source: IntType

    @property
    def size(self) -> int:
        """Integers of the output."""
        return self.window.places * self.window.channels

    def folds(self) -> Iterator[Fold]:
        """Every divisor of the channels."""
        return (Fold(lanes, lanes) for lanes in divisors(self.window.channels))

    def cycles(self, fold: Fold) -> int:
        """One word of the larger map a cycle."""
        w = self.window
        return max(w.places, w.height * w.width) * (w.channels // fold.simd)

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One window of a single place; returns the output's stream."""
        source = sources[0]
        if net.streams[source].dtype != self.source:
            source = resized(net, source, self.source, f"{self.name}_in")
        return slide(net, self.name, source, self.window, fold, 1, False)


@dataclass(frozen=True, slots=True)
class Sum(BeatByBeat):
    """Sum or difference of two streams, each rescaled first where it has a ``scalings`` entry."""

    name: str
    inputs: tuple[str, ...]
    output: str
    size: int
    channels: int
    sources: tuple[IntType, IntType]
    scalings: tuple[Scaling | None, Scaling | None]
    subtract: bool
    offset: int
    acc_bits: int
    scaling: Scaling | None

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """Rescales, sum, rescale; returns the output's stream."""
        first, second = (
            source if s is None else rescaled(net, f"{self.name}_in{k}", source, s, fold.pe)
            for k, (source, s) in enumerate(zip(sources, self.scalings, strict=True))
        )
        a, b = net.streams[first].dtype, net.streams[second].dtype
        parameters = {
            "LANES": fold.pe,
            "A_BITS": a.bits,
            "A_SIGNED": int(a.signed),
            "B_BITS": b.bits,
            "B_SIGNED": int(b.signed),
            "SUBTRACT": int(self.subtract),
            "OUT_BITS": self.acc_bits,
            "OFFSET": self.offset,
        }
        made = Stream(self.size, IntType(self.acc_bits, True), fold.pe)
        out = net.add("hwk_sum", self.name, parameters, (first, second), made)
        if self.scaling is None:
            return out
        return rescaled(net, f"{self.name}_rescale", out, self.scaling, fold.pe)


@dataclass(frozen=True, slots=True)
class Largest:
    """Where the largest of each ``channels`` integers is, ``size`` times; on wires of ``dtype``."""

    name: str
    inputs: tuple[str, ...]
    output: str
    size: int
    channels: int
    source: IntType
    dtype: IntType

    def folds(self) -> Iterator[Fold]:
        """Every divisor of the channels, and one place a beat."""
        return (Fold(lanes, 1) for lanes in divisors(self.channels))

    def cycles(self, fold: Fold) -> int:
        """One beat of the input a cycle."""
        return self.size * (self.channels // fold.simd)

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One search; returns the output's stream."""
        parameters = {
            "LANES": fold.simd,
            "BEATS": self.channels // fold.simd,
            "IN_BITS": self.source.bits,
            "IN_SIGNED": int(self.source.signed),
            "OUT_BITS": self.dtype.bits,
        }
        made = Stream(self.size, self.dtype, fold.pe)
        return net.add("hwk_argmax", self.name, parameters, (sources[0],), made)


Layer = (
    Matrix
    | Lanewise
    | Pointwise
    | Table
    | Border
    | Sum
    | Product
    | Choice
    | Largest
    | Normalized
    | Gather
    | Join
    | Source
)


def by_shifts(hot: int, weight_bits: int) -> bool:
    """Whether products are shifts and adds: of one signed power of two, or of two in place of
    more than four bits (fewer rows of a product are as cheap)."""
    return hot <= 1 or (hot <= MOST_HOT and weight_bits > 4)


def slide(
    net: Netlist, name: str, source: str, w: Window, fold: Fold, repeats: int, lanewise: bool
) -> str:
    """An instance of ``hwk_window`` behind ``source``, or of ``hwk_patch`` for whole windows."""
    stream, lanes = net.streams[source], fold.simd
    word = stream.beat_bits
    parameters: dict[str, int | str] = {
        "WORD": word,
        "HEIGHT": w.height,
        "WIDTH": w.width,
        "GROUPS": w.channels // lanes,
        "KERNEL_H": w.kernel[0],
        "KERNEL_W": w.kernel[1],
        "STRIDE_H": w.stride[0],
        "STRIDE_W": w.stride[1],
        "DILATION_H": w.dilation[0],
        "DILATION_W": w.dilation[1],
        "PAD_TOP": w.padding.top,
        "PAD_LEFT": w.padding.left,
        "OUT_H": w.out_height,
        "OUT_W": w.out_width,
        "ROWS": w.rows,
        "REPEATS": repeats,
        "PAD": f"{word}'h{packed([w.pad] * lanes, stream.dtype.bits):x}",
    }
    size = w.places * w.taps * w.channels * repeats
    if fold.whole:
        every = Stream(size, stream.dtype, lanes * w.taps)
        return net.add("hwk_patch", f"{name}_window", parameters, (source,), every)
    parameters["LANEWISE"] = int(lanewise)
    made = Stream(size, stream.dtype, lanes)
    return net.add("hwk_window", f"{name}_window", parameters, (source,), made)


def _by_row(w: Window) -> Window:
    """A window of one place needs no whole row: places in a column, two of them buffered."""
    if not w.is_trivial:
        return w
    places = w.height * w.width
    return Window(
        places, 1, w.channels, w.kernel, w.stride, w.dilation, w.padding, places, 1, w.pad
    )


def _accumulate(
    net: Netlist, layer: Matrix | Lanewise, source: str, shape: dict[str, int], fold: Fold
) -> str:
    """``hwk_matrix`` with its images, and the rescale behind it."""
    parameters: dict[str, int | str] = {
        **shape,
        "A_BITS": layer.source.bits,
        "A_SIGNED": int(layer.source.signed),
        "W_BITS": layer.weight_bits,
        "PRODUCT": product_bits(layer),
        "ACC": layer.acc_bits,
    }
    field, shifts = layer.weight_bits, 0
    if shape["KIND"] == K_HOT:
        shifts = _shift_bits(layer)
        parameters["HOT"], parameters["S_BITS"] = layer.hot, shifts
        field = layer.hot * (shifts + 2)
    if layer.weights is not None:
        width = fold.pe * shape["TAPS"] * (1 if shape["LANEWISE"] else fold.simd) * field
        images = _images(layer, fold, shape["KIND"], field, shifts)
        parameters["WEIGHTS"] = net.image(f"{layer.name}_weights", images, width)
    biases = [packed(map(int, row), layer.acc_bits) for row in layer.bias.reshape(-1, fold.pe)]
    if len(set(biases)) == 1:
        biases = biases[:1]
    parameters["BIASES"] = len(biases)
    parameters["BIAS"] = net.image(f"{layer.name}_bias", biases, fold.pe * layer.acc_bits)
    made = Stream(layer.size, IntType(layer.acc_bits, True), fold.pe)
    out = net.add("hwk_matrix", layer.name, parameters, (source,), made)
    if layer.scaling is None:
        return out
    return rescaled(net, f"{layer.name}_rescale", out, layer.scaling, fold.pe)


def _images(
    layer: Matrix | Lanewise, fold: Fold, kind: int, field: int, shifts: int
) -> Iterator[int]:
    """Words of weights of ``field`` bits each."""
    words = layer.words(fold)
    if kind == K_HOT:
        encoded = {int(v): khot.encode(int(v), layer.hot, shifts) for v in np.unique(words)}
        yield from (packed((encoded[int(v)] for v in row), field) for row in words)
        return
    if kind == SIGNS:
        words = words > 0
    yield from (packed((int(v) for v in row), field) for row in words)


def product_bits(layer: Matrix | Lanewise) -> int:
    """Bits of one product, signed; the accumulator bounds them, since sums count modulo it. Of
    signs it is one bit, whether they are equal."""
    if isinstance(layer, Matrix) and layer.signs:
        return 2
    ends = np.array([layer.source.low, layer.source.high], np.int64)
    of = layer.weights
    weights = np.array([1] if of is None else [of.min(), of.max()], np.int64)
    products = weights[:, None] * ends
    return min(signed_bits(Range(int(products.min()), int(products.max()))), layer.acc_bits)


def _shift_bits(layer: Matrix | Lanewise) -> int:
    """Bits of the largest shift of a weight's terms; at least one, a field has no empty part."""
    assert layer.weights is not None
    most = max((s for v in np.unique(layer.weights) for s, _ in khot.terms(int(v))), default=0)
    return max(most.bit_length(), 1)
