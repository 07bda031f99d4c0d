"""Softmax: rows taken whole, then given one integer after the other by a sequential multiplier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hwkit.ir.ops import SoftmaxKind
from hwkit.ir.softmax import fixed_exponentials
from hwkit.ir.softmax_table import exponentials
from hwkit.ir.types import Array, IntType
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.netlist import Netlist
from hwkit.targets.rtl.rescaled import rescaled
from hwkit.targets.rtl.rescaling import Scaling

KINDS = (SoftmaxKind.TABLE, SoftmaxKind.FIXED)
"""``KIND`` of ``hwk_softmax`` by position."""

PRODUCT_CYCLES = 38
"""From an output that is taken to the next one."""
RECIPROCAL_CYCLES = {SoftmaxKind.TABLE: 105, SoftmaxKind.FIXED: 299}
"""From the last input to the first output, but for a cycle for each integer of the row."""


@dataclass(frozen=True, slots=True)
class Normalized:
    """Softmax over rows of ``length`` integers of ``source``, ``size`` in all; on wires of
    ``dtype`` before its rescale."""

    name: str
    inputs: tuple[str, ...]
    output: str
    size: int
    length: int
    source: IntType
    input_scale: float
    kind: SoftmaxKind
    dtype: IntType
    scaling: Scaling | None

    @property
    def channels(self) -> int:
        """Integers that its rescale tells apart."""
        return self.length

    @property
    def acc_bits(self) -> int:
        """Bits before its rescale."""
        return self.dtype.bits

    def folds(self) -> Iterator[Fold]:
        """One integer at a time."""
        yield Fold(1, 1)

    def cycles(self, fold: Fold) -> int:
        """Of its rows, none of which begins before the one in front of it is out."""
        row = (2 + PRODUCT_CYCLES) * self.length + RECIPROCAL_CYCLES[self.kind] - PRODUCT_CYCLES
        return self.size // self.length * row

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One ``hwk_softmax``, and its rescale; returns the output's stream."""
        table = self.exponentials()
        parameters: dict[str, int | str] = {
            "KIND": KINDS.index(self.kind),
            "LENGTH": self.length,
            "IN_BITS": self.source.bits,
            "IN_SIGNED": int(self.source.signed),
            "OUT_BITS": self.dtype.bits,
            "IMAGE": net.image(f"{self.name}_exponentials", map(int, table), 32),
        }
        out = net.add("hwk_softmax", self.name, parameters, sources, Stream(self.size, self.dtype))
        if self.scaling is None:
            return out
        return rescaled(net, f"{self.name}_rescale", out, self.scaling, fold.pe)

    def exponentials(self) -> Array:
        """One for each difference of two integers of ``source``; 0 for what counts as nothing."""
        if self.kind is SoftmaxKind.TABLE:
            every = exponentials(self.input_scale)
        else:
            every = np.prod(fixed_exponentials(self.input_scale), axis=0)
        some: Array = every[: 1 << self.source.bits]
        return some
