"""How much of a layer works in a cycle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fold:
    """``simd`` integers of each input and ``pe`` of the output in a beat; ``dsp`` when its
    products are made by DSP blocks, ``whole`` when a beat has all taps of a window."""

    simd: int
    pe: int
    dsp: bool = False
    whole: bool = False


def divisors(n: int) -> list[int]:
    """In ascending order. Example: 6 gives [1, 2, 3, 6]."""
    return [k for k in range(1, n + 1) if n % k == 0]


class BeatByBeat:
    """A layer whose output has the lanes of its inputs: ``size`` integers, ``channels`` of them
    in turn."""

    __slots__ = ()
    size: int
    channels: int

    def folds(self) -> Iterator[Fold]:
        """Every divisor of the channels."""
        return (Fold(lanes, lanes) for lanes in divisors(self.channels))

    def cycles(self, fold: Fold) -> int:
        """One beat a cycle."""
        return self.size // fold.simd
