"""How much of a layer works in a cycle."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fold:
    """``simd`` integers of each input and ``pe`` of the output in a beat; ``dsp`` when its
    products are made by DSP blocks."""

    simd: int
    pe: int
    dsp: bool = False


def divisors(n: int) -> list[int]:
    """In ascending order. Example: 6 gives [1, 2, 3, 6]."""
    return [k for k in range(1, n + 1) if n % k == 0]
