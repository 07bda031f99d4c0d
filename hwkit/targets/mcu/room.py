"""The memory that a layer takes by each kernel: scratch, and its output beside its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwkit.ir.storage import Storage
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.packed import packed


def of_speed(kernels: Sequence[Kernel], plain: bool) -> Sequence[Kernel]:
    """All of them, or but for ``plain`` those that are not the plain loops, if there are any."""
    fast = [kernel for kernel in kernels if kernel.row.variant != "ref"]
    return kernels if plain or not fast else fast


def least(
    kernels: Sequence[Kernel],
    classes: Sequence[Sequence[Call]],
    stored: Mapping[str, Storage],
    output: str,
    output_bytes: int,
) -> Kernel | None:
    """Of ``kernels``, which compute all calls of all ``classes``, the one that takes least, of
    equals the first; None of none.

    Example: of a depthwise 3x3 over (24, 24, 32) by the plain loops the output starts 832 bytes
    before the input; ``dsp/hwk_depthwise_conv2d_s8.h`` writes over it and has 1,024 of scratch.
    """

    def taken(kernel: Kernel) -> int:
        return max(_taken(kernel, of, stored, output, output_bytes) for of in classes)

    return min(kernels, key=taken, default=None)


def _taken(
    kernel: Kernel,
    calls: Sequence[Call],
    stored: Mapping[str, Storage],
    output: str,
    output_bytes: int,
) -> int:
    forms = [packed(call, kernel, stored, output) for call in calls]
    scratch = max(form.scratch_bytes for form in forms)
    if len(forms) > 1:
        return scratch + output_bytes
    (form,), over_start = forms, kernel.row.over_start
    if over_start and form.call.packing is None and over_start(calls[0].descriptor):
        return scratch
    return scratch + (output_bytes if form.ahead_bytes is None else form.ahead_bytes)
