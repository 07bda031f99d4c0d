"""What an instance is made of: adders, comparisons, choices and memories, from its parameters.

A module's terms are counts of bits that each stand for some LUTs and flip-flops; how many is a
family's, and fitted (``cost``). A new module needs its terms here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.layers import DSP, K_HOT, MAXIMUM, MULTIPLY, SIGNS
from hwkit.targets.rtl.memories import Memory
from hwkit.targets.rtl.netlist import Instance

DSP_BITS = 18
"""Of a factor of a DSP block's product; wider ones take several."""


@dataclass(frozen=True, slots=True)
class Product:
    """``count`` products of ``x`` by ``y`` bits, meant for DSP blocks; of a constant, ``ones`` of
    its bits are set (0: no constant)."""

    count: int
    x: int
    y: int
    ones: int = 0

    @property
    def dsp(self) -> int:
        """Blocks that they take."""
        return self.count * ceil(self.x / DSP_BITS) * ceil(self.y / DSP_BITS)


@dataclass(slots=True)
class Made:
    """Terms by name (``module.what``), memories, those that lie in blocks of RAM wherever there are
    some (``blocks``), and products of some instances."""

    terms: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    memories: list[Memory] = field(default_factory=list)
    blocks: list[Memory] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)

    def rom(self, depth: int, width: int) -> None:
        """A memory of constants."""
        self.memories.append(Memory(depth, width, constant=True))

    def ram(self, depth: int, width: int) -> None:
        """A memory that is written."""
        self.memories.append(Memory(depth, width))


_Parameters = Mapping[str, int]
_Terms = dict[str, float]


def made_of(instances: Iterable[Instance]) -> Made:
    """The terms of all ``instances``. Example: those of ``Netlist.instances``."""
    made = Made()
    for instance in instances:
        terms: _Terms = {"": 1.0}
        p = {name: _number(value) for name, value in instance.parameters.items()}
        _OF[instance.module](p, made, terms)
        of = instance.module.removeprefix("hwk_")
        for name, value in terms.items():
            if value:
                made.terms[f"{of}.{name}" if name else of] += value
    return made


def shell_made_of(sources: Sequence[Stream], sinks: Sequence[Stream], frame_bytes: int) -> Made:
    """The terms of the shell around a core with these streams, but for the link's pins."""
    made = Made()
    made.blocks.append(Memory(frame_bytes, 8))
    made.terms["shell"] = 1.0
    for side, streams in (("source", sources), ("sink", sinks)):
        for stream in streams:
            made.blocks.append(Memory(stream.beats, stream.beat_bits))
            made.terms[f"shell.{side}"] += stream.beat_bits
            made.terms["shell.beats"] += bits(stream.beats)
            made.terms["shell.bytes"] += bits(stream.elements * ceil(stream.dtype.bits / 8))
    return made


def _number(value: int | str) -> int:
    """An integer; of a Verilog constant its value, of an image's name 0."""
    if isinstance(value, int):
        return value
    _, mark, digits = value.partition("'h")
    return int(digits, 16) if mark else 0


def bits(n: int) -> int:
    """Bits of a counter of ``n`` states. Example: 9 states take 4."""
    return max(n - 1, 1).bit_length()


def _matrix(p: _Parameters, made: Made, t: _Terms) -> None:
    terms = p["TAPS"] * (1 if p["LANEWISE"] else p["SIMD"])
    pe, lanes, acc, product = p["PE"], p["PE"] * terms, p["ACC"], p["PRODUCT"]
    depth, kind = p["FOLDS"] * p["GROUPS"], p["KIND"]
    a = p["A_BITS"] + 1 - p["A_SIGNED"]
    t["counters"] = sum(bits(p[name]) for name in ("FOLDS", "GROUPS")) + bits(depth)
    t["input"] = p["TAPS"] * p["SIMD"] * p["A_BITS"]
    _multiplied(p, made, t, lanes, a, depth == 1)
    made.rom(p["BIASES"], pe * acc)
    wide = min(product + (terms - 1).bit_length(), acc)
    if kind == SIGNS:
        t["count"], t["count_sum"] = lanes, pe * (terms - 1).bit_length()
    elif kind == MAXIMUM:
        t["maximum"] = pe * acc
        return
    elif terms == 2:
        t["pair"] = pe * wide
    elif terms > 2:
        t["tree"], t["tree_sign"] = pe * (terms - 2) * product, pe * (terms - 2) * (wide - product)
        t["tree_sum"] = pe * wide
    if kind != SIGNS:
        t["sum"] = pe * wide
    t["accumulate" if p["FOLDS"] > 1 else "offset"] = pe * acc
    if p["BIASES"] > 1:
        t["start"] = pe * acc


def _multiplied(p: _Parameters, made: Made, t: _Terms, lanes: int, a: int, fixed: bool) -> None:
    kind, w, product = p["KIND"], p["W_BITS"], p["PRODUCT"]
    t["product"] = lanes * (1 if kind == SIGNS else product)
    depth = p["FOLDS"] * p["GROUPS"]
    varied = 1.0 if fixed else 1 - 1 / depth  # of few words, many bits are the same in all
    if kind == MULTIPLY:
        t["fixed" if fixed else "multiply"] = varied * lanes * w * (a + 1)
        t["fixed_row" if fixed else "multiply_row"] = lanes * w
    elif kind == DSP:
        made.products.append(Product(lanes, a, w))
    elif kind == K_HOT:
        hot, shifts = p["HOT"], p["S_BITS"]
        t["fixed_hot" if fixed else "hot"] = varied * lanes * hot * product
        t["shift"] = 0 if fixed else varied * lanes * hot * shifts * product
        made.rom(depth, lanes * hot * (shifts + 2))
        return
    elif kind != SIGNS:
        return
    made.rom(depth, lanes * w)


def _rescale(p: _Parameters, made: Made, t: _Terms) -> None:
    lanes = p["LANES"]
    x, wide, q, out = (p[f"{name}_BITS"] for name in ("X", "P", "Q", "OUT"))
    shift, groups = p["SHIFT"], p.get("GROUPS", 1)
    stored = p.get("FACTOR_BITS", 0), p.get("ADDED_BITS", 0)
    # Of an unsigned integer the sign takes no flip-flop.
    t["input"] = lanes * (x if p["OFFSET"] or p["IN_SIGNED"] else min(x, p["IN_BITS"]))
    factor = p.get("FACTOR", 0) & ((1 << p["F_BITS"]) - 1)
    multiplied = p["KIND"] == 2 and (stored[0] or factor & (factor - 1))  # 2**n is wires
    t["product"] = lanes * (wide if multiplied or p["KIND"] == 1 else x)
    t["output"] = lanes * out
    if sum(stored):
        made.rom(groups, lanes * sum(stored))
        t["stored"] = lanes * sum(stored)
        t["group"] = bits(groups)
    if p["OFFSET"]:
        t["offset"] = lanes * x
    if p["KIND"] == 1:
        t["barrel"] = lanes * wide * p["F_BITS"]
    elif multiplied:
        ones = 0 if stored[0] else factor.bit_count()
        made.products.append(Product(lanes, x, p["F_BITS"] + 1, ones))
    if p["ROUNDING"] == 3:
        t["twice"] = lanes * (wide - shift)
        t["round"] = lanes * (wide - shift)
        t["right"] = lanes * (wide - shift) * p["R_BITS"] if stored[0] else 0
    else:
        t["round"] = lanes * q
        if p["ROUNDING"] == 4 or stored[1]:
            t["add"] = lanes * wide
        elif added := p.get("ADDED", 0):
            t["add"] = lanes * (wide - (added & -added).bit_length() + 1)
        if p["ROUNDING"] == 2:
            t["tie"] = lanes * shift
    if p["CLAMPS"]:
        t["clamp"] = lanes * q
        t["choose"] = lanes * out
    if p["ZERO"]:
        t["zero"] = lanes * q


def _threshold(p: _Parameters, made: Made, t: _Terms) -> None:
    steps = p["LANES"] * p["STEPS"]
    width = min(p["T_BITS"], p["IN_BITS"] + 1)
    made.rom(p["GROUPS"], steps * p["T_BITS"])
    t["input"], t["output"] = p["LANES"] * p["IN_BITS"], p["LANES"] * p["OUT_BITS"]
    t["compare" if p["GROUPS"] > 1 else "fixed"] = steps * width
    t["count"] = p["LANES"] * (p["STEPS"] - 1) * p["OUT_BITS"]
    t["group"] = bits(p["GROUPS"]) if p["GROUPS"] > 1 else 0


def _span(p: _Parameters, axis: str, size: str) -> int:
    kernel, dilation, stride = (p[f"{name}_{axis}"] for name in ("KERNEL", "DILATION", "STRIDE"))
    return p[size] + (kernel - 1) * dilation + p[f"OUT_{axis}"] * stride


def _zeros(n: int) -> int:
    """Low bits that are 0 in all multiples of ``n``: they are not added."""
    return (n & -n).bit_length() - 1


def _rows(p: _Parameters, t: _Terms) -> None:
    t["rows"] = bits(2 * p["HEIGHT"] + 2 * p["ROWS"] + 2) + bits(p["ROWS"] + 1)
    t["y"] = bits(_span(p, "H", "HEIGHT") + p["PAD_TOP"] + 1) + 2


def _window(p: _Parameters, made: Made, t: _Terms) -> None:
    depth = p["ROWS"] * p["WIDTH"] * p["GROUPS"]
    columns = _span(p, "W", "WIDTH") + p["PAD_LEFT"] + 1
    _rows(p, t)
    counted = ("GROUPS", "KERNEL_H", "KERNEL_W", "REPEATS", "OUT_H", "OUT_W")
    t["counters"] = sum(bits(p[name] + 1) for name in counted if p[name] > 1)
    t["x"] = bits(columns) + 2
    t["place"] = bits(columns * p["GROUPS"] + 1) + 1 - _zeros(p["GROUPS"])
    t["read"] = bits(depth + 1) + 1
    t["address"] = t["read"] - _zeros(p["WIDTH"] * p["GROUPS"])
    t["around"] = t["address"] if depth & (depth - 1) else 0  # modulo 2**n is free
    padded = p["PAD_TOP"] or p["PAD_LEFT"]
    t["pad" if padded else "word"] = p["WORD"]
    made.ram(depth, p["WORD"])


def _patch(p: _Parameters, made: Made, t: _Terms) -> None:
    height, word, rows = p["KERNEL_H"], p["WORD"], p["ROWS"]
    columns = _span(p, "W", "WIDTH") + p["PAD_LEFT"] + 1
    _rows(p, t)
    counted = ("GROUPS", "REPEATS", "OUT_H", "OUT_W")
    t["counters"] = sum(bits(p[name] + 1) for name in counted if p[name] > 1)
    t["place"] = bits(columns * p["GROUPS"] + 1) + 1
    t["inside"] = height * t["y"]
    t["from"] = height * bits(2 * rows + 1)
    t["chosen"] = height * word * (rows - 1)
    t["read"] = rows * word
    t["kept"] = (p["KERNEL_W"] - 1) * p["DILATION_W"] * p["GROUPS"] * height * word
    for _ in range(rows):
        made.ram(p["WIDTH"] * p["GROUPS"], word)


def _fifo(p: _Parameters, made: Made, t: _Terms) -> None:
    depth, width = p["DEPTH"], p["WIDTH"]
    t["index"], t["count"] = 2 * bits(depth), bits(depth + 1)
    if depth > 16:
        t["front"] = width
    made.ram(depth, width)


def _lookup(p: _Parameters, made: Made, t: _Terms) -> None:
    for _ in range(p["LANES"]):
        made.rom(1 << p["IN_BITS"], p["OUT_BITS"])


def _sum(p: _Parameters, made: Made, t: _Terms) -> None:
    t["add"] = p["LANES"] * p["OUT_BITS"]
    if p["OFFSET"]:
        t["offset"] = p["LANES"] * p["OUT_BITS"]


def _mul(p: _Parameters, made: Made, t: _Terms) -> None:
    lanes = p["LANES"]
    made.products.append(Product(lanes, p["X_BITS"], p["Y_BITS"]))
    t |= {"input": 0, "offset": 0, "output": lanes * p["OUT_BITS"]}
    for factor, stream in (("X", "A"), ("Y", "B")):
        width, moved = p[f"{factor}_BITS"], p[f"{stream}_OFFSET"]
        signed = moved or p[f"{stream}_SIGNED"]
        t["input"] += lanes * (width if signed else min(width, p[f"{stream}_BITS"]))
        t["offset"] += lanes * width if moved else 0


def _choose(p: _Parameters, made: Made, t: _Terms) -> None:
    t["choose"] = p["LANES"] * p["BITS"]
    t["compare"] = p["LANES"] * p["S_BITS"]


def _argmax(p: _Parameters, made: Made, t: _Terms) -> None:
    t["compare"], t["place"] = p["LANES"] * p["IN_BITS"], p["LANES"] * p["OUT_BITS"]


def _gather(p: _Parameters, made: Made, t: _Terms) -> None:
    t["count"] = p["BITS"]
    t["index"] = sum(bits(p[name]) for name in ("OUTER", "INNER") if p[name] > 1)
    made.rom(p["OUTER"], 2 * p["BITS"])
    made.rom(p["INNER"], p["BITS"])
    made.ram(p["DEPTH"], p["WIDTH"])


def _join(p: _Parameters, made: Made, t: _Terms) -> None:
    t["choose"] = p["WIDTH"] * p["COUNT"]
    t["word"] = p["WIDTH"]
    t["beat"] = p["BITS"]


def _constant(p: _Parameters, made: Made, t: _Terms) -> None:
    t["at"] = bits(p["WORDS"]) if p["WORDS"] > 1 else 0
    made.rom(p["WORDS"], p["WIDTH"])


def _state(p: _Parameters, made: Made, t: _Terms) -> None:
    t["at"], t["word"] = bits(p["BEATS"]), p["WIDTH"]
    made.rom(p["WORDS"], p["WIDTH"])
    made.ram(p["DEPTH"], p["WIDTH"])


def _softmax(p: _Parameters, made: Made, t: _Terms) -> None:
    made.rom(1 << p["IN_BITS"], 32)
    made.ram(p["LENGTH"], p["IN_BITS"])


def _fork(p: _Parameters, made: Made, t: _Terms) -> None:
    t["readers"] = p["COUNT"]


def _widen(p: _Parameters, made: Made, t: _Terms) -> None:
    t["beat"] = p["RATIO"] * p["WIDTH"]


def _resize(p: _Parameters, made: Made, t: _Terms) -> None:
    t.clear()  # wires alone


_OF: Mapping[str, Callable[[_Parameters, Made, _Terms], None]] = {
    "hwk_matrix": _matrix,
    "hwk_rescale": _rescale,
    "hwk_threshold": _threshold,
    "hwk_window": _window,
    "hwk_patch": _patch,
    "hwk_fifo": _fifo,
    "hwk_lookup": _lookup,
    "hwk_sum": _sum,
    "hwk_mul": _mul,
    "hwk_choose": _choose,
    "hwk_argmax": _argmax,
    "hwk_gather": _gather,
    "hwk_join": _join,
    "hwk_constant": _constant,
    "hwk_state": _state,
    "hwk_softmax": _softmax,
    "hwk_fork": _fork,
    "hwk_widen": _widen,
    "hwk_narrow": _widen,
    "hwk_resize": _resize,
}

MODULES = tuple(_OF)
"""That a netlist is made of."""
