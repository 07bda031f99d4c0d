"""How sure a share is that was counted on so many samples."""

from __future__ import annotations

import math

_Z = 1.959963985
"""Of a normal distribution, two-sided 95 %."""


def wilson(share: float, samples: int) -> tuple[float, float]:
    """The 95 % interval of a ``share`` (0..1) of ``samples`` by E. B. Wilson (1927), which stays in
    0..1 and is right near its ends, where the usual one is not.

    Example: ``wilson(0.974, 1000)`` is about ``(0.962, 0.982)``.
    """
    if samples <= 0:
        return 0.0, 1.0
    square = _Z * _Z / samples
    middle = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / samples + square / (4 * samples)) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)
