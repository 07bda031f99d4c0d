"""What a layer takes of a part, estimated from what it is made of.

Four-input LUTs, flip-flops, RAM blocks of the part's size, and multipliers. ``terms`` says how
many bits of adders, choices and so on there are, ``memories`` where memories lie; a bit's LUTs and
flip-flops are fitted on Yosys' counts for each family of parts (``benchmarks/rtl_area_fit.py``,
which states the error on designs that it has not seen). Parts of other families are estimated as
ECP5.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from hwkit.boards import FpgaBoard, FpgaResources
from hwkit.errors import ConfigError
from hwkit.ir.types import IntType
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.layers import LINK_DEPTH, Layer
from hwkit.targets.rtl.memories import RamBlock, placed
from hwkit.targets.rtl.netlist import Netlist
from hwkit.targets.rtl.terms import Made, made_of

COEFFICIENTS = "coefficients.json"
"""LUTs and flip-flops of a bit of each term, by family; written by the fit."""

_FITTED_FOR = "ecp5"
"""The family whose figures stand for those of other families."""


def ram_block(part: FpgaResources) -> RamBlock:
    """The blocks of a part. Example: 4096 bits on iCE40 are 16 wide, 18,432 on ECP5 36 wide."""
    bits = part.bram_bits // max(part.bram, 1)
    return RamBlock(bits, 16 if bits < 8192 else 36 if bits < 32_768 else 72)


@dataclass(frozen=True, slots=True)
class Family:
    """What a design is mapped to: whose figures (``name``), blocks of RAM, whether LUTs can be
    memory, and whether there are DSP blocks."""

    name: str
    block: RamBlock
    lut_memory: bool
    dsp: bool


def family(fpga: FpgaBoard) -> Family:
    """The family of a board's part; ``ConfigError`` when the board does not say what it has."""
    if fpga.resources is None:
        raise ConfigError(f"part {fpga.part} has no section [fpga.resources]; add it")
    name = fpga.flow if fpga.flow in coefficients() else _FITTED_FOR
    return Family(name, ram_block(fpga.resources), name != "ice40", fpga.resources.dsp > 0)


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

    def figures(self) -> dict[str, int]:
        """Whole numbers, by the keys of ``deploy.json``."""
        return {"lut": round(self.lut), "ff": round(self.ff), "bram": self.bram, "dsp": self.dsp}

    def share(self, budget: FpgaResources) -> float:
        """The resources as shares of a part's, added up."""
        return (
            self.lut / max(budget.lut, 1)
            + 0.5 * self.ff / max(budget.ff, 1)
            + self.bram / max(budget.bram, 0.1)
            + self.dsp / max(budget.dsp, 0.1)
        )


@dataclass(frozen=True, slots=True)
class Mapped:
    """What ``made`` becomes on a family: terms whose bits have fitted figures, and blocks."""

    terms: Mapping[str, float]
    bram: int
    dsp: int


def mapped(made: Made, family: Family) -> Mapped:
    """``made`` with its memories placed, and its products in DSP blocks where there are some."""
    terms = defaultdict(float, made.terms)
    bram = dsp = 0
    for memory in made.memories:
        there = placed(memory, family.block, family.lut_memory)
        bram += there.blocks
        for name, value in there.terms.items():
            terms[f"memory.{name}"] += value
    bram += sum(family.block.used(m.depth, m.width)[1] for m in made.blocks)
    for product in made.products:
        if family.dsp:
            dsp += product.dsp
            if product.dsp > product.count:
                terms["dsp.join"] += product.dsp * (product.x + product.y)
        else:
            kind = "logic.constant" if product.ones else "logic.multiply"
            terms[kind] += product.count * product.x * (product.ones or product.y)
    return Mapped(terms, bram, dsp)


def priced(made: Made, family: Family) -> Cost:
    """The estimate for ``made``."""
    found = mapped(made, family)
    lut, ff = (coefficients()[family.name][kind] for kind in ("lut", "ff"))
    return Cost(
        sum(lut.get(name, 0.0) * value for name, value in found.terms.items()),
        sum(ff.get(name, 0.0) * value for name, value in found.terms.items()),
        found.bram,
        found.dsp,
    )


@cache
def coefficients() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Family, then ``lut`` or ``ff``, then term: what a bit of it takes."""
    text = (resources.files("hwkit.targets.rtl") / COEFFICIENTS).read_text()
    found: dict[str, dict[str, dict[str, float]]] = json.loads(text)["families"]
    return found


def sketch(layer: Layer, fold: Fold, sources: Sequence[IntType]) -> Made:
    """What ``layer`` is made of in one folding, with its output FIFO, where its inputs come on
    wires of the types ``sources``."""
    net = Netlist(sketch=True)
    names = tuple(net.stream("in", Stream(fold.simd, dtype, fold.simd)) for dtype in sources)
    net.fifo(layer.build(net, names, fold), LINK_DEPTH)
    return made_of(net.instances)


def cost(layer: Layer, fold: Fold, sources: Sequence[IntType], family: Family) -> Cost:
    """The estimate for one layer in one folding, with its output FIFO."""
    return priced(sketch(layer, fold, sources), family)
