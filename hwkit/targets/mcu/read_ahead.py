"""How far the kernel of a layer reads ahead of what it writes; see ``ahead``."""

from __future__ import annotations

from collections.abc import Mapping

from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.kernels import Kernel


def overlaps(calls: tuple[Call, ...], kernels: Mapping[str, Kernel]) -> dict[str, int]:
    """By input: the least number of bytes by which the output of a layer starts before it, for
    inputs that the output may run into. Empty where the kernel makes no such promise.

    Example: a plain depthwise 3x3 over (8, 8, 4), padded by 1: 4 pixels, a row and one pixel, 52
    bytes.
    """
    if len(calls) != 1:
        return {}
    (call,) = calls
    formula = kernels[call.kernel].row.reads_ahead
    distance = None if formula is None else formula(call.descriptor)
    return {} if distance is None else {call.inputs[0]: distance}
