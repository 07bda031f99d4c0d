"""Every streaming module of ``hls/rtl`` by itself: each beat, whoever waits, and each cycle."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest

from hwkit.ir.ops import SoftmaxKind
from hwkit.ir.softmax import softmax as ir_softmax
from hwkit.ir.softmax_table import softmax_table
from hwkit.ir.types import S8, Array, IntType
from hwkit.targets.rtl import khot, moving
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.netlist import packed
from hwkit.targets.rtl.softmax import KINDS, PRODUCT_CYCLES, RECIPROCAL_CYCLES, Normalized
from tests.targets.rtl import modules
from tests.targets.rtl.modules import Case

RNG = np.random.default_rng(17)
BEATS = 240


def draw(bits: int, count: int = BEATS) -> list[int]:
    """Beats of random bits, the lowest and the highest among them."""
    beats = RNG.integers(0, 1 << bits, count).tolist()
    return [0, (1 << bits) - 1, *beats[2:]]


def fields(beat: int, bits: int, count: int, signed: bool = False) -> list[int]:
    """The integers in a beat, the first in the lowest bits."""
    values = [beat >> k * bits & ((1 << bits) - 1) for k in range(count)]
    return [v - (1 << bits) if signed and v >> (bits - 1) else v for v in values]


def fifo(depth: int) -> Case:
    """Up to 16 beats are there a cycle later, more two cycles; one beat takes turns with itself."""
    x = draw(9)
    latency, cycles = (2 if depth > 16 else 1), (2.0 if depth == 1 else 1.0)
    return Case("hwk_fifo", {"WIDTH": 9, "DEPTH": depth}, 9, 9, x, x, 1, 1, latency, cycles)


def state(beats: int, depth: int, words: int) -> Case:
    """What came in an inference ago, at first the image: a beat a cycle, the first after one."""
    initial, x = draw(9, max(words, 2))[:words], draw(9, BEATS // beats * beats)
    y = [*(initial if words == beats else initial * beats), *x[: len(x) - beats]]
    parameters = {"WIDTH": 9, "BEATS": beats, "DEPTH": depth, "WORDS": words}
    image = {"IMAGE": (9, initial)}
    return Case("hwk_state", parameters, 9, 9, x, y, beats, beats, beats, float(beats), image)


def widen(ratio: int) -> Case:
    x = draw(5)
    y = [packed(x[k : k + ratio], 5) for k in range(0, len(x), ratio)]
    parameters = {"WIDTH": 5, "RATIO": ratio}
    return Case("hwk_widen", parameters, 5, 5 * ratio, x, y, ratio, 1, ratio, float(ratio))


def narrow(ratio: int) -> Case:
    x = draw(5 * ratio, BEATS // ratio)
    y = [v for beat in x for v in fields(beat, 5, ratio)]
    parameters = {"WIDTH": 5, "RATIO": ratio}
    return Case("hwk_narrow", parameters, 5 * ratio, 5, x, y, 1, ratio, ratio, float(ratio))


def lookup(lanes: int, in_bits: int, out_bits: int) -> Case:
    x, table = draw(lanes * in_bits), draw(out_bits, 1 << in_bits)
    y = [packed([table[v] for v in fields(beat, in_bits, lanes)], out_bits) for beat in x]
    parameters = {"LANES": lanes, "IN_BITS": in_bits, "OUT_BITS": out_bits}
    image = {"IMAGE": (out_bits, table)}
    widths = (lanes * in_bits, lanes * out_bits)
    return Case("hwk_lookup", parameters, *widths, x, y, 1, 1, 1, 1.0, image)


def resize(in_bits: int, signed: int, out_bits: int) -> Case:
    x = draw(3 * in_bits)
    mask = (1 << out_bits) - 1
    y = [packed([v & mask for v in fields(b, in_bits, 3, bool(signed))], out_bits) for b in x]
    parameters = {"LANES": 3, "IN_BITS": in_bits, "IN_SIGNED": signed, "OUT_BITS": out_bits}
    return Case("hwk_resize", parameters, 3 * in_bits, 3 * out_bits, x, y, 1, 1, 0, 1.0)


def argmax(lanes: int, beats: int, bits: int, signed: int, out_bits: int) -> Case:
    """The first of the largest integers, which few bits make equal often."""
    x = draw(lanes * bits, BEATS // beats * beats)
    y = []
    for start in range(0, len(x), beats):
        values = [v for b in x[start : start + beats] for v in fields(b, bits, lanes, bool(signed))]
        y.append(values.index(max(values)))
    parameters = {
        "LANES": lanes, "BEATS": beats, "IN_BITS": bits, "IN_SIGNED": signed, "OUT_BITS": out_bits,
    }  # fmt: skip
    widths = (lanes * bits, out_bits)
    return Case("hwk_argmax", parameters, *widths, x, y, beats, 1, beats, float(beats))


def joined(depths: tuple[int, int], signed: tuple[int, int], subtract: int, offset: int) -> Case:
    """``hwk_fork`` to two FIFOs that are not equally deep, and ``hwk_sum`` of what they hold."""
    x, y = draw(2 * 13), []
    for beat in x:
        lanes = []
        for lane in range(2):
            part = beat >> 13 * lane
            (a,) = fields(part, 6, 1, bool(signed[0]))
            (b,) = fields(part >> 6, 7, 1, bool(signed[1]))
            lanes.append((a - b if subtract else a + b) + offset & 0x1FF)
        y.append(packed(lanes, 9))
    parameters = {
        "A_DEPTH": depths[0],
        "B_DEPTH": depths[1],
        "A_SIGNED": signed[0],
        "B_SIGNED": signed[1],
        "SUBTRACT": subtract,
        "OFFSET": offset,
    }
    cycles = 2.0 if 1 in depths else 1.0
    return Case("joined", parameters, 26, 18, x, y, 1, 1, 2, cycles)


def multiplied(signed: tuple[int, int], offsets: tuple[int, int]) -> Case:
    """``hwk_mul`` of two streams, one behind a FIFO, for which the fork waits."""
    x, y = draw(13), []
    for beat in x:
        (a,), (b,) = fields(beat, 6, 1, bool(signed[0])), fields(beat >> 6, 7, 1, bool(signed[1]))
        y.append((a + offsets[0]) * (b + offsets[1]) & 0xFFFFF)
    parameters = {
        "A_SIGNED": signed[0],
        "B_SIGNED": signed[1],
        "A_OFFSET": offsets[0],
        "B_OFFSET": offsets[1],
    }
    return Case("multiplied", parameters, 13, 20, x, y, 1, 1, 2, 2.0)


def chosen(signed: int, threshold: int) -> Case:
    """``hwk_choose`` of three streams, two behind FIFOs."""
    x, y = draw(16), []
    for beat in x:
        (s,) = fields(beat, 6, 1, bool(signed))
        y.append(beat >> 6 & 31 if s >= threshold else beat >> 11)
    parameters = {"S_SIGNED": signed, "FROM": threshold}
    return Case("chosen", parameters, 16, 5, x, y, 1, 1, 1, 2.0)


def turns(turn: int) -> Case:
    """``hwk_join`` of a stream and of ``hwk_constant``, whose three words go round."""
    x, words, y = draw(9), draw(9, 3), []
    for k in range(0, len(x), turn):
        y += [*x[k : k + turn], *(words[(2 * k // turn + i) % 3] for i in range(2))]
    image = {"IMAGE": (9, words)}
    beats = (turn, turn + 2)
    return Case("turns", {"TURN": turn}, 9, 9, x, y, *beats, turn + 2, turn + 2.0, image)


def gather(index: Array, cycles: float | None = None) -> Case:
    """``hwk_gather`` of tensors whose words are counted by the numbers in ``index``."""
    words, size = index.reshape(-1), int(index.max()) + 1
    made = moving.order(words, size, 9)
    x, y = draw(9, 6 * size), []
    for k in range(0, len(x), size):
        y += [x[k + word] for word in words.tolist()]
    bits = made.bits
    rows = [packed(map(int, pair), bits) for pair in zip(made.floors, made.rows, strict=True)]
    places = [packed((int(place),), bits) for place in made.places]
    parameters = {
        "WIDTH": 9,
        "SIZE": size,
        "OUTER": len(rows),
        "INNER": len(places),
        "DEPTH": made.depth,
        "BITS": bits,
    }
    images = {"ROWS": (2 * bits, rows), "PLACES": (bits, places)}
    return Case("hwk_gather", parameters, 9, 9, x, y, size, len(words), None, cycles, images)


def softmax(kind: SoftmaxKind, length: int, step: float) -> Case:
    """``hwk_softmax`` of rows of s8, every output cut to 30 bits."""
    rows = 300 // length
    x = RNG.integers(-128, 128, (rows, length))
    x[0], x[1] = -128, np.where(np.arange(length) == 0, 127, -128)
    x[2:5] = 127 - RNG.integers(0, 4, (3, length))
    of = softmax_table(x, step) if kind is SoftmaxKind.TABLE else ir_softmax(x, step, kind)
    layer = Normalized("s", ("x",), "y", x.size, length, S8, step, kind, IntType(30, True), None)
    parameters = {"KIND": KINDS.index(kind), "LENGTH": length, "IN_BITS": 8, "OUT_BITS": 30}
    images = {"IMAGE": (32, [int(e) for e in layer.exponentials()])}
    into = [int(v) & 255 for v in x.reshape(-1)]
    out = [int(v) & (1 << 30) - 1 for v in of.reshape(-1)]
    latency = 2 * length - 1 + RECIPROCAL_CYCLES[kind] + (length - 1) * PRODUCT_CYCLES
    cycles = float(layer.cycles(Fold(1, 1)) // rows)
    return Case(
        "hwk_softmax", parameters, 8, 30, into, out, length, length, latency, cycles, images
    )


MAP = np.arange(48).reshape(4, 6, 2)


ROUNDED: dict[int, Callable[[Fraction], int]] = {
    0: floor,
    1: lambda q: floor(q + Fraction(1, 2)),
    2: round,
    4: lambda q: floor(abs(q) + Fraction(1, 2)) * (1 if q >= 0 else -1),
}


def rescale(
    kind: int,
    rounding: int,
    shift: int,
    *,
    bits: int = 9,
    signed: int = 1,
    offset: int = 0,
    zero: int = 0,
    clamps: int = 1,
    lanes: int = 2,
    groups: int = 1,
    rights: tuple[int, ...] = (),
    more: int = 0,
    f_bits: int = 0,
) -> Case:
    """As the plan of a layer gives widths; ``rights`` are second shifts of double rounding,
    ``more`` is an offset of the products, ``f_bits`` fewer bits of a factor."""
    f_bits = f_bits or {0: 1, 1: 3, 2: 31 if rounding == 3 else 6}[kind]
    count = lanes * groups
    factors = {0: [0] * count, 1: [0, 3, 1, 7, 2, 5], 2: draw(f_bits, count + 1)[1:]}[kind][:count]
    factors = [factor & ((1 << f_bits) - 1) for factor in factors]
    top = 1 if kind == 0 else 1 << max(factors) if kind == 1 else max(factors)
    r_bits = max(max(rights).bit_length(), 1) if rights else 0
    x_bits = max(bits + 2, abs(offset).bit_length() + 2)
    largest = ((1 << (x_bits - 1)) * top) + abs(more)
    p_bits = max(largest.bit_length() + 1 + (shift > 0), shift + 2)
    q_bits = max(p_bits - shift, 8) + 2
    low, high = (-100, 90) if clamps else (-128, 127)
    into = draw(lanes * bits, BEATS)
    out = []
    for at, beat in enumerate(into):
        results = []
        for lane, v in enumerate(fields(beat, bits, lanes, bool(signed))):
            index = at % groups * lanes + lane
            factor = 1 << factors[index] if kind < 2 else factors[index]
            product = Fraction((v + offset) * factor + more, 1 << shift)
            if rounding == 3:
                right = rights[index % len(rights)]
                q = ROUNDED[4](Fraction(ROUNDED[1](product), 1 << right))
            else:
                q = ROUNDED[rounding](product)
            q += zero
            results.append((min(max(q, low), high) if clamps else q) & 0xFF)
        out.append(packed(results, 8))
    field = f_bits + r_bits
    stored = [
        f | (rights[k % len(rights)] << f_bits if rights else 0) for k, f in enumerate(factors)
    ]
    words = [packed(stored[g * lanes : (g + 1) * lanes], field) for g in range(groups)]
    half = 1 << shift >> 1 if rounding in (1, 2) else 0
    parameters = {
        "LANES": lanes, "GROUPS": groups, "KIND": kind, "IN_BITS": bits,
        "ROUNDING": 0 if rounding == 1 else rounding, "ADDED": half + more,
        "FACTOR_BITS": field if kind else 0,
        "IN_SIGNED": signed, "F_BITS": f_bits, "R_BITS": r_bits, "X_BITS": x_bits,
        "P_BITS": p_bits, "SHIFT": shift, "Q_BITS": q_bits, "CLAMPS": clamps, "OFFSET": offset,
        "ZERO": zero, "LOW": low, "HIGH": high, "OUT_BITS": 8,
    }  # fmt: skip
    images = {"IMAGE": (lanes * field, words)} if kind else {}
    widths = (lanes * bits, lanes * 8)
    return Case("hwk_rescale", parameters, *widths, into, out, 1, 1, 4, 1.0, images)


def matrix(
    kind: int,
    pe: int,
    simd: int,
    folds: int,
    groups: int,
    *,
    lanewise: int = 0,
    signed: int = 0,
    biases: bool = True,
    taps: int = 1,
) -> Case:
    """Sums of products of 4-bit integers and 3-bit or K-hot weights; maxima (kind 4), and sums of
    products of signs (kind 5)."""
    a_bits, acc, hot, s_bits = 4, 30 // pe if pe > 2 else 12, 2, 2
    if kind == 5:
        a_bits = 1
    terms = taps if lanewise else taps * simd
    into = draw(taps * simd * a_bits, folds * groups * 30)
    weights = RNG.integers(-4, 4, (groups, folds, pe, terms))
    if kind == 2:
        weights = RNG.choice([0, 1, -1, 3, 6, -6, 8, -7, 5], (groups, folds, pe, terms))
    if kind == 5:
        weights = RNG.choice([-1, 1], weights.shape)
    elif kind >= 3:
        weights = np.ones_like(weights)
    bias = RNG.integers(-9, 10, (groups if biases else 1, pe))
    if kind == 4:
        bias[:] = 0
    w_bits = 3
    field = hot * (s_bits + 2) if kind == 2 else w_bits
    out, mask = [], (1 << acc) - 1
    for start in range(0, len(into), folds):
        group = start // folds % groups
        beats = [fields(b, a_bits, taps * simd, bool(signed)) for b in into[start : start + folds]]
        if kind == 5:
            beats = [[2 * v - 1 for v in beat] for beat in beats]
        results = []
        for p in range(pe):
            reads = [b[p // (pe // simd) :: simd] if lanewise else b for b in beats]
            if kind == 4:
                results.append(max(r[0] for r in reads) & mask)
                continue
            total = int(bias[group % len(bias), p])
            for f, read in enumerate(reads):
                total += sum(v * int(w) for v, w in zip(read, weights[group, f, p], strict=True))
            results.append(total & mask)
        out.append(packed(results, acc))
    flat = weights.reshape(groups * folds, pe * terms).tolist()
    if kind == 2:
        flat = [[khot.encode(w, hot, s_bits) for w in row] for row in flat]
    images = {"BIAS": (pe * acc, [packed(row, acc) for row in bias.tolist()])}
    if kind == 5:
        field, flat = 1, [[int(w > 0) for w in row] for row in flat]
        less = bias - folds * terms
        images["BIAS"] = (pe * acc, [packed(row, acc) for row in less.tolist()])
    if kind < 3 or kind == 5:
        images["WEIGHTS"] = (pe * terms * field, [packed(row, field) for row in flat])
    parameters = {
        "PE": pe, "SIMD": simd, "FOLDS": folds, "GROUPS": groups, "LANEWISE": lanewise,
        "TAPS": taps, "KIND": kind, "A_BITS": a_bits, "A_SIGNED": signed,
        "W_BITS": 1 if kind == 5 else w_bits, "HOT": hot, "S_BITS": s_bits,
        "PRODUCT": 2 if kind == 5 else min(a_bits + 5, acc), "ACC": acc, "BIASES": len(bias),
    }  # fmt: skip
    return Case(
        "hwk_matrix", parameters, taps * simd * a_bits, pe * acc, into, out, folds, 1, folds + 3,
        float(folds), images,
    )  # fmt: skip


def window(
    shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
    *,
    repeats: int = 1,
    lanewise: int = 0,
    whole: bool = False,
    cycles: float | None = None,
) -> Case:
    """A map of (height, width, groups) words; ``pad`` is top, bottom, left, right. With ``whole``
    every beat has all taps, of a group."""
    bits = 3 if whole else 9
    height, width, groups = shape
    top, bottom, left, right = pad
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    out_h = (height + top + bottom - spans[0]) // stride[0] + 1
    out_w = (width + left + right - spans[1]) // stride[1] + 1
    maps, into, out = 6, [], []
    for _ in range(maps):
        values = RNG.integers(0, 1 << bits, shape)
        into += values.ravel().tolist()
        for oy, ox in np.ndindex(out_h, out_w):
            taps = []
            for ky, kx in np.ndindex(*kernel):
                y = oy * stride[0] + ky * dilation[0] - top
                x = ox * stride[1] + kx * dilation[1] - left
                inside = 0 <= y < height and 0 <= x < width
                taps.append(values[y, x].tolist() if inside else [5] * groups)
            order = np.array(taps)
            words = (order.T if lanewise else order).ravel().tolist()
            if whole:
                words = [packed(place, bits) for place in order.T.tolist()]
            out += words * repeats
    parameters = {
        "WORD": bits, "HEIGHT": height, "WIDTH": width, "GROUPS": groups, "KERNEL_H": kernel[0],
        "KERNEL_W": kernel[1], "STRIDE_H": stride[0], "STRIDE_W": stride[1],
        "DILATION_H": dilation[0], "DILATION_W": dilation[1], "PAD_TOP": top, "PAD_LEFT": left,
        "OUT_H": out_h, "OUT_W": out_w, "ROWS": min(spans[0] + stride[0], 2 * height),
        "REPEATS": repeats, "PAD": 5,
    }  # fmt: skip
    beats = (height * width * groups, len(out) // maps)
    if whole:
        wide = bits * kernel[0] * kernel[1]
        return Case("hwk_patch", parameters, bits, wide, into, out, *beats, None, cycles)
    parameters["LANEWISE"] = lanewise
    return Case("hwk_window", parameters, 9, 9, into, out, *beats, None, cycles)


def threshold(lanes: int, groups: int, steps: int, signed: int, low: int) -> Case:
    """How many thresholds of its channel each 6-bit integer reaches, counted from ``low``."""
    x, y = draw(lanes * 6, BEATS // groups * groups), []
    span = (-32, 33) if signed else (0, 65)
    least = np.sort(RNG.integers(*span, (groups, lanes, steps)), axis=2)
    least[0, 0] = span[1] - 1  # reached by none
    for k, beat in enumerate(x):
        values = np.array(fields(beat, 6, lanes, bool(signed)))
        counts = (values[:, None] >= least[k % groups]).sum(axis=1) + low
        y.append(packed(counts.tolist(), 3))
    parameters = {
        "LANES": lanes, "GROUPS": groups, "STEPS": steps, "IN_BITS": 6, "IN_SIGNED": signed,
        "T_BITS": 8, "LOW": low, "OUT_BITS": 3,
    }  # fmt: skip
    words = [packed(row.ravel().tolist(), 8) for row in least]
    images = {"IMAGE": (lanes * steps * 8, words)}
    return Case("hwk_threshold", parameters, lanes * 6, lanes * 3, x, y, 1, 1, 2, 1.0, images)


CASES = [
    *(fifo(depth) for depth in (1, 2, 3, 4, 16, 17, 20)),
    *(state(*shape) for shape in ((1, 2, 1), (2, 2, 2), (5, 5, 5), (6, 9, 1), (30, 30, 30))),
    *(widen(ratio) for ratio in (2, 3, 4)),
    *(narrow(ratio) for ratio in (2, 3, 4)),
    lookup(1, 4, 6),
    lookup(3, 3, 5),
    *(argmax(1, beats, 3, signed, 4) for beats in (2, 10, 16) for signed in (0, 1)),
    *(argmax(lanes, 3, 4, 1, 5) for lanes in (2, 3, 5, 7)),
    argmax(7, 1, 2, 0, 3),
    argmax(1, 1, 5, 1, 1),
    argmax(4, 2, 1, 0, 3),
    *(resize(*form) for form in ((4, 0, 7), (4, 1, 7), (7, 0, 4), (7, 1, 4), (5, 1, 5))),
    joined((1, 2), (1, 1), 0, 0),
    joined((2, 3), (0, 0), 0, -17),
    joined((3, 1), (1, 0), 1, 5),
    joined((2, 2), (0, 1), 1, -40),
    *(multiplied(*form) for form in (((0, 0), (0, 0)), ((1, 1), (-31, 63)), ((1, 0), (7, -127)))),
    *(chosen(*form) for form in ((0, 0), (0, 63), (1, -3), (1, 32))),
    *(turns(turn) for turn in (1, 2, 4)),
    gather(MAP, 48.0),
    gather(MAP.transpose(1, 0, 2)),
    gather(MAP.transpose(2, 1, 0)),
    gather(MAP[::-1, ::2]),
    gather(MAP[1:3, 4::-2, 1:]),
    gather(np.repeat(np.repeat(MAP, 2, 0), 2, 1), 192.0),
    gather(MAP[[3, 0, 0]][:, [5, 5, 1]]),
    gather(np.broadcast_to(MAP[:1, :1], MAP.shape), 48.0),
    gather(np.array([5, 1, 1, 4, 0, 5, 2])),
    gather(np.array([7])),
    *(softmax(kind, *row) for kind in KINDS for row in ((1, 0.2), (2, 0.9), (10, 0.1), (60, 0.02))),
    *(rescale(0, rounding, shift) for rounding in (0, 1, 2, 4) for shift in (1, 2)),
    rescale(0, 2, 0, zero=-3),
    rescale(0, 4, 0, zero=2),  # the mean of one integer
    rescale(0, 0, 2, more=-3),
    rescale(1, 1, 7, more=37),
    rescale(2, 2, 7, groups=3, more=-50),
    rescale(0, 1, 3, bits=9, signed=0, offset=-200, zero=7),
    rescale(0, 1, 4, clamps=0),
    *(rescale(1, rounding, 7, groups=3, zero=5) for rounding in (0, 1, 2, 4)),
    *(rescale(2, rounding, 7, groups=3, offset=-9) for rounding in (0, 1, 2, 4)),
    rescale(2, 2, 8, signed=0, lanes=3, groups=2, offset=60, zero=-20),
    rescale(2, 3, 31, rights=(0, 3, 1, 2), groups=2, zero=4),
    rescale(2, 3, 31, rights=(2,), bits=12, offset=-31),
    matrix(0, 2, 2, 1, 1),
    matrix(0, 2, 3, 2, 3, signed=1),
    matrix(0, 1, 1, 4, 1, biases=False),
    matrix(1, 2, 2, 3, 2, signed=1),
    matrix(2, 2, 2, 2, 2),
    matrix(2, 1, 3, 1, 4, signed=1, biases=False),
    matrix(0, 2, 2, 3, 2, lanewise=1, signed=1),
    matrix(0, 2, 1, 3, 2, lanewise=1),
    matrix(3, 2, 2, 4, 1, lanewise=1),
    matrix(3, 1, 1, 2, 3, lanewise=1, signed=1),
    matrix(4, 2, 2, 4, 1, lanewise=1),
    matrix(4, 2, 2, 1, 1, lanewise=1, signed=1),
    matrix(4, 1, 1, 3, 2, lanewise=1, signed=1),
    window((4, 5, 1), (3, 3), pad=(1, 1, 1, 1), cycles=180.0),
    window((5, 4, 2), (3, 2), (2, 1), pad=(0, 1, 1, 0)),
    window((6, 5, 2), (2, 3), (1, 2), (2, 1), (1, 1, 0, 2), lanewise=1),
    window((3, 3, 2), (1, 1), repeats=3, cycles=54.0),
    window((4, 4, 1), (2, 2), (2, 2), repeats=2, lanewise=0),
    window((7, 3, 1), (2, 2), (3, 1)),
    window((3, 7, 1), (2, 2), (1, 3)),
    window((2, 2, 3), (3, 3), (1, 1), (1, 2), (2, 2, 3, 2)),
    window((1, 6, 2), (1, 4), pad=(0, 0, 2, 1), lanewise=1),
    window((6, 1, 2), (4, 1), pad=(2, 1, 0, 0), repeats=2),
    matrix(5, 2, 3, 2, 3),
    matrix(5, 1, 20, 1, 2),
    matrix(0, 2, 2, 2, 2, taps=3, signed=1),
    matrix(5, 1, 2, 1, 1, taps=9),
    matrix(0, 2, 2, 1, 3, taps=3, lanewise=1),
    matrix(3, 4, 2, 1, 2, taps=3, lanewise=1, signed=1),
    threshold(1, 1, 1, 1, 0),
    threshold(2, 3, 1, 1, 0),
    threshold(1, 4, 3, 0, 1),
    threshold(3, 2, 3, 1, -2),
    window((4, 5, 1), (3, 3), pad=(1, 1, 1, 1), whole=True, cycles=28.0),
    window((5, 4, 2), (3, 2), (2, 1), pad=(0, 1, 1, 0), whole=True),
    window((6, 5, 3), (2, 3), (1, 2), (2, 1), (1, 1, 0, 2), whole=True),
    window((4, 4, 1), (2, 2), (2, 2), repeats=3, whole=True),
    window((7, 3, 1), (2, 2), (3, 1), repeats=2, whole=True),
    window((3, 7, 1), (2, 2), (1, 3), whole=True),
    window((2, 2, 3), (3, 3), (1, 1), (1, 2), (2, 2, 3, 2), whole=True),
    window((1, 6, 2), (1, 4), pad=(0, 0, 2, 1), whole=True),
    window((6, 1, 2), (4, 1), pad=(2, 1, 0, 0), whole=True),
    window((3, 3, 1), (3, 3), repeats=4, whole=True),
    rescale(1, 1, 4, f_bits=1),  # stored factors of a single bit
]


MODULES = sorted({case.module for case in CASES})


@pytest.fixture(scope="module")
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Case]]:
    """One program with the cases of the modules that are asked for, and these cases."""
    asked = {
        item.callspec.params["module"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    }
    cases = [case for case in CASES if case.module in asked]
    return modules.build(cases, tmp_path_factory.mktemp("modules")), cases


@pytest.mark.parametrize("module", MODULES)
def test_every_beat_and_cycle(program: tuple[Path, list[Case]], module: str) -> None:
    """Nobody waits, or both sides at random, in two ways."""
    path, cases = program
    for seed in (0, 1, 2):
        for k, case in enumerate(cases):
            if case.module == module:
                modules.check(path, cases, k, seed)


@pytest.mark.parametrize("module", MODULES)
def test_a_reset_in_the_middle_of_a_stream(program: tuple[Path, list[Case]], module: str) -> None:
    """What the inference before it left behind is not seen."""
    path, cases = program
    for k, case in enumerate(cases):
        if case.module == module:
            modules.check(path, cases, k, 0, case.beats_in + max(case.beats_in // 2, 1))


@pytest.mark.parametrize("module", ["hwk_fifo"])
def test_a_fifo_holds_what_it_is_made_for(program: tuple[Path, list[Case]], module: str) -> None:
    """Some sink is slow enough to fill the shallow ones: the simulation tells how far."""
    path, cases = program
    for k, case in enumerate(cases):
        if case.module == module and case.parameters["DEPTH"] <= 4:
            assert modules.most_held(path, cases, k) == case.parameters["DEPTH"]
