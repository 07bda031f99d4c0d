"""Layers that take two or three streams integer by integer, and are no sums."""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.ir.types import IntType
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.fold import BeatByBeat, Fold
from hwkit.targets.rtl.netlist import Netlist
from hwkit.targets.rtl.ranges import Range, signed_bits
from hwkit.targets.rtl.rescaled import rescaled
from hwkit.targets.rtl.rescaling import Scaling


@dataclass(frozen=True, slots=True)
class Product(BeatByBeat):
    """Products of two streams, each of whose integers has its ``offsets`` entry added first and is
    in its ``ranges`` entry then."""

    name: str
    inputs: tuple[str, ...]
    output: str
    size: int
    channels: int
    offsets: tuple[int, int]
    ranges: tuple[Range, Range]
    acc_bits: int
    scaling: Scaling | None

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """Product, rescale; returns the output's stream."""
        a, b = (net.streams[source].dtype for source in sources)
        parameters = {
            "LANES": fold.pe,
            "A_BITS": a.bits,
            "A_SIGNED": int(a.signed),
            "B_BITS": b.bits,
            "B_SIGNED": int(b.signed),
            "A_OFFSET": self.offsets[0],
            "B_OFFSET": self.offsets[1],
            "X_BITS": signed_bits(self.ranges[0]),
            "Y_BITS": signed_bits(self.ranges[1]),
            "OUT_BITS": self.acc_bits,
        }
        made = Stream(self.size, IntType(self.acc_bits, True), fold.pe)
        out = net.add("hwk_mul", self.name, parameters, sources, made)
        if self.scaling is None:
            return out
        return rescaled(net, f"{self.name}_rescale", out, self.scaling, fold.pe)


@dataclass(frozen=True, slots=True)
class Choice(BeatByBeat):
    """The second stream where the first is at least ``threshold``, else the third."""

    name: str
    inputs: tuple[str, ...]
    output: str
    size: int
    channels: int
    threshold: int
    dtype: IntType

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One ``hwk_choose``; returns the output's stream."""
        decides = net.streams[sources[0]].dtype
        parameters = {
            "LANES": fold.pe,
            "S_BITS": decides.bits,
            "S_SIGNED": int(decides.signed),
            "FROM": self.threshold,
            "BITS": self.dtype.bits,
        }
        made = Stream(self.size, self.dtype, fold.pe)
        return net.add("hwk_choose", self.name, parameters, sources, made)
