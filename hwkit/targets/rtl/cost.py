"""What a layer takes of a part, estimated from its widths.

Four-input LUTs, flip-flops, RAM blocks of the part's size, and multipliers. The figures are
calibrated against Yosys' counts for ECP5; ``tests/targets/rtl/test_cost.py`` holds their error.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

from hwkit.boards import FpgaResources
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.layers import (
    DSP,
    K_HOT,
    MAXIMUM,
    MULTIPLY,
    SIGNS,
    Border,
    Lanewise,
    Largest,
    Layer,
    Matrix,
    Pointwise,
    Sum,
    Table,
    Window,
)
from hwkit.targets.rtl.moving import Gather, Join, Source
from hwkit.targets.rtl.pairs import Choice, Product
from hwkit.targets.rtl.ranges import signed_bits
from hwkit.targets.rtl.rescaling import Scaling
from hwkit.targets.rtl.softmax import Normalized


@dataclass(frozen=True, slots=True)
class RamBlock:
    """A part's block of RAM: its bits, and how many it gives in a cycle at the most."""

    bits: int
    width: int


def ram_block(part: FpgaResources) -> RamBlock:
    """The blocks of a part. Example: 4096 bits on iCE40 are 16 wide, 18,432 on ECP5 36 wide."""
    bits = part.bram_bits // max(part.bram, 1)
    return RamBlock(bits, 16 if bits < 8192 else 36 if bits < 32_768 else 72)


LUT_RAM_BITS = 1536
"""Memories up to this size lie in LUTs."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Estimated resources; sums of layers are sums of these."""

    lut: float = 0.0
    ff: float = 0.0
    bram: int = 0
    dsp: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.lut + other.lut,
            self.ff + other.ff,
            self.bram + other.bram,
            self.dsp + other.dsp,
        )

    def share(self, budget: FpgaResources) -> float:
        """The resources as shares of a part's, added up."""
        return (
            self.lut / max(budget.lut, 1)
            + 0.5 * self.ff / max(budget.ff, 1)
            + self.bram / max(budget.bram, 0.1)
            + self.dsp / max(budget.dsp, 0.1)
        )


def cost(layer: Layer, fold: Fold, block: RamBlock) -> Cost:
    """The estimate for one layer in one folding, with its output FIFO."""
    match layer:
        case Matrix():
            _, taps, channels = layer.weights.shape
            repeats = len(layer.weights) // fold.pe
            at_once = taps if fold.whole else 1
            depth = taps // at_once * (channels // fold.simd) * repeats
            total = _products(layer, fold, at_once * fold.simd, depth, repeats, block)
            if layer.needs_window(fold):
                total += _slid(layer, fold, block)
        case Lanewise():
            at_once = layer.window.taps if fold.whole else 1
            groups = layer.window.channels // fold.simd
            depth = layer.window.taps // at_once * groups
            total = _products(layer, fold, at_once, depth, groups, block)
            if layer.needs_window(fold):
                total += _slid(layer, fold, block)
        case Border():
            return _window(layer.window, layer.source.bits, fold.simd, block)
        case Table():
            return _memory(1 << layer.source.bits, layer.dtype.bits, fold.pe, block)
        case Largest():
            # Of each lane a comparison and a choice; the best so far, its place and the count.
            places, bits = layer.dtype.bits, layer.source.bits
            lut = fold.simd * (1.5 * bits + places) + 3.0 * places
            return Cost(lut, bits + 2.0 * places + 1)
        case Gather():
            return _gather(layer, fold, block)
        case Join():
            return Cost(fold.pe * layer.dtype.bits * len(layer.inputs) / 2 + 30, 40)
        case Source():
            words = len(layer.words(fold))
            return _memory(words, fold.pe * layer.dtype.bits, 1, block) + Cost(10, 10)
        case Choice():
            bits = fold.pe * layer.dtype.bits
            return Cost(bits + 8.0 * fold.pe + 10, bits + 1)
        case Pointwise():
            return _rescale(layer.scaling, fold.pe, layer.channels, block)
        case Sum():
            total = Cost(fold.pe * (layer.acc_bits + 1.0), fold.pe * layer.acc_bits)
            for made in layer.scalings:
                if made is not None:
                    total += _rescale(made, fold.pe, layer.channels, block)
        case Normalized():
            total = _memory(1 << layer.source.bits, 32, 1, block)
            total += _memory(layer.length, layer.source.bits, 1, block) + Cost(900.0, 420.0)
        case Product():
            x, y = (signed_bits(r) for r in layer.ranges)
            total = Cost(fold.pe * (x + y), fold.pe * (x + y + layer.acc_bits), 0, fold.pe)
    scaling = layer.scaling
    channels = len(layer.bias) if isinstance(layer, Matrix | Lanewise) else layer.channels
    if scaling is not None:
        total += _rescale(scaling, fold.pe, channels, block)
    bits = scaling.dtype.bits if scaling is not None else layer.acc_bits
    return total + Cost(2.0 * bits * fold.pe + 10, 2.0 * bits * fold.pe + 6)


def _products(
    layer: Matrix | Lanewise, fold: Fold, terms: int, depth: int, groups: int, block: RamBlock
) -> Cost:
    kind = layer.kind(fold)
    a, w, acc = layer.source.bits + (not layer.source.signed), layer.weight_bits, layer.acc_bits
    product = min(a + w, acc)
    lanes = fold.pe * terms
    inputs = fold.simd * (layer.window.taps if fold.whole else 1)
    if kind == MULTIPLY:
        each, field = 1.55 * w * (a + 1.0), w
    elif kind == DSP:
        each, field = 0.0, w
    elif kind == SIGNS:
        each, field, product = 1.0, 1, 1
    elif kind == K_HOT:
        field = layer.hot * (max(w - 1, 1).bit_length() + 2)
        levels = max(w - 1, 1).bit_length()
        constant = depth == 1
        each = layer.hot * (0.0 if constant else levels * product * 0.75)
        each += (layer.hot - 1) * product
    else:
        each, field, product = 0.0, 0, min(a, acc)
    total = product + max(ceil(log2(terms)), 0)
    tree = (terms - 1) * (product + 1.0)
    gather = 2.5 * acc if kind == MAXIMUM else 1.5 * acc
    result = Cost(
        lanes * each + fold.pe * (tree + gather) + 40,
        lanes * product + fold.pe * (min(total, acc) + acc) + inputs * layer.source.bits + 30,
        0,
        lanes if kind == DSP else 0,
    )
    if field:
        result += _memory(depth, lanes * field, 1, block)
    if groups > 1:
        result += _memory(groups, fold.pe * acc, 1, block)
        result += Cost(0, 2.0 * fold.pe * acc)
    return result


def _slid(layer: Matrix | Lanewise, fold: Fold, block: RamBlock) -> Cost:
    make = _patch if fold.whole else _window
    return make(layer.window, layer.source.bits, fold.simd, block)


def _patch(w: Window, bits: int, lanes: int, block: RamBlock) -> Cost:
    """A memory for each row of the ring, the choice of a row for each of the window, and the
    columns that are kept."""
    groups, word = w.channels // lanes, lanes * bits
    row = _memory(w.width * groups, word, 1, block)
    kept = (w.kernel[1] - 1) * w.dilation[1] * groups * w.kernel[0] * word
    counters = 8.0 * (w.width * groups + w.height).bit_length() + 60
    chosen = w.kernel[0] * (word * (w.rows / 2 + 1.0) + 12.0)
    rows = Cost(w.rows * row.lut, 0, w.rows * row.bram)
    return rows + Cost(chosen + counters, kept + w.rows * word + 40.0)


def _window(w: Window, bits: int, lanes: int, block: RamBlock) -> Cost:
    depth = w.rows * w.width * (w.channels // lanes)
    counters = sum(
        max(n, 1).bit_length() for n in (*w.kernel, w.channels // lanes, w.height, w.width)
    )
    address = max(depth, 2).bit_length()
    place = (w.width * w.channels // lanes).bit_length() + 2
    control = 4.4 * counters + 17.0 * address + 12.0 * place + 58
    return _memory(depth, lanes * bits, 1, block) + Cost(control, control * 0.28 + lanes * bits)


def _gather(layer: Gather, fold: Fold, block: RamBlock) -> Cost:
    made = layer.order(fold)
    tables = _memory(len(made.rows), 2 * made.bits, 1, block)
    tables += _memory(len(made.places), made.bits, 1, block)
    ring = _memory(made.depth, fold.simd * layer.source.bits, 1, block)
    return tables + ring + Cost(9.0 * made.bits + 40, 5.0 * made.bits + 20)


def _rescale(s: Scaling, lanes: int, channels: int, block: RamBlock) -> Cost:
    if s.steps:
        each, words = len(s.steps[0]) * s.step_bits, max(len(s.steps) // lanes, 1)
        bits = s.parameters["IN_BITS"] + s.dtype.bits
        total = Cost(lanes * (1.0 * each + len(s.steps[0]) - 1) + 4, lanes * bits + 6.0)
        return total + _memory(words, lanes * each, 1, block)
    x, p, q = (s.parameters[key] for key in ("X_BITS", "P_BITS", "Q_BITS"))
    per_lane = 0.0
    if s.parameters["KIND"] == 1:
        per_lane += s.field_bits * p * 0.5
    if s.parameters["ROUNDING"] == 3:
        per_lane += 3.0 * q
    if s.dsp > 1:
        per_lane += p
    if s.parameters["OFFSET"]:
        per_lane += x
    if s.parameters["SHIFT"]:
        per_lane += p
    if s.parameters["CLAMPS"]:
        per_lane += q + s.dtype.bits
    if s.parameters["ZERO"]:
        per_lane += q
    total = Cost(lanes * per_lane + 6, lanes * (x + p + q + s.dtype.bits) + 6, 0, lanes * s.dsp)
    words = max(channels, len(s.fields)) // lanes
    if s.fields and words > 1:
        total += _memory(words, lanes * s.field_bits, 1, block)
    return total


def _memory(depth: int, width: int, copies: int, block: RamBlock) -> Cost:
    """Constants and small memories lie in LUTs, 16 bits each; others in blocks."""
    if depth <= 1:
        return Cost()
    if depth * width <= LUT_RAM_BITS or depth <= 16:
        return Cost(copies * ceil(depth / 16) * width * 1.2)
    narrow_width = block.width // 4
    wide, narrow = (
        ceil(width / each) * ceil(depth / (block.bits // each))
        for each in (block.width, narrow_width)
    )
    return Cost(0, 0, copies * min(wide, narrow), 0)
