"""The C of calls whose integers are packed: the kernel goes into ``hwk_packed_<descriptor>`` as a
function of its own, which the compiler inlines there."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.lower import McuPlan
from hwkit.targets.mcu.packed import MOVES
from hwkit.targets.mcu.source import initializer

_HEADER_OF = {
    "conv2d": "packed_window",
    "depthwise_conv2d": "packed_window",
    "sum_pool": "packed_window",
    "pool": "packed_window",
    "dense": "packed_dense",
    "add": "packed_elements",
    "requantize": "packed_elements",
    "clamp": "packed_elements",
    "lookup": "packed_elements",
    **dict.fromkeys(MOVES, "packed_moves"),
}

HEADERS = tuple(sorted(set(_HEADER_OF.values())))
"""Names of the headers of the packed forms, without ``hwk_`` and ``.h``."""


def includes(plan: McuPlan) -> list[str]:
    """Those of ``HEADERS`` that ``plan`` needs."""
    found = {
        _HEADER_OF[plan.kernels[call.kernel].descriptor]
        for layer in plan.layers
        for call in layer.calls
        if call.packing is not None
    }
    return sorted(found)


def packed_lines(call: Call, kernel: Kernel, function: str, symbol: str) -> list[str]:
    """How the integers lie, and ``function``, the kernel or a copy of it, with its inputs as
    void."""
    assert call.packing is not None
    lines = [f"static const hwk_packing_t {symbol}_packing = {initializer(call.packing, symbol)};"]
    if kernel.descriptor in MOVES:
        return lines
    inputs = ["a", "b"][: kernel.inputs]
    parameters = "".join(f", const void *{name}" for name in inputs)
    return [
        *lines,
        f"HWK_INLINE void {symbol}_kernel(const hwk_{kernel.descriptor}_t *d{parameters}, "
        "void *output, void *scratch) {",
        f"  {function}(d, {', '.join(inputs)}, output, scratch);",
        "}",
    ]


def packed_arguments(arguments: Sequence[str], kernel: Kernel, symbol: str) -> list[str]:
    """Of the packed form, from those of the kernel: descriptor, tensors, scratch."""
    descriptor, *tensors, scratch = arguments
    packing = f"&{symbol}_packing"
    if kernel.descriptor in MOVES:
        return [descriptor, packing, *tensors]
    return [descriptor, packing, *tensors, scratch, f"{symbol}_kernel"]
