"""Packed calls of a layer that is computed in parts: one ``hwk_packing_t`` for all classes.

Rows of packed maps end with a byte there (``stored``), so that a part begins with one. Buffers are
as large as the largest part needs, and so is a step: a part that has fewer rows takes them at once,
as it would by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwkit.ir.storage import Storage
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.descriptors import number
from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.packed import FORMS, MOVES, Packed, clamps, fits, is_narrow, packed
from hwkit.targets.mcu.structs import Struct

_BUFFERS = ("input_bytes", "output_bytes", "weight_bytes", "tile_bytes")


@dataclass(frozen=True, slots=True)
class Parts:
    """The calls of all classes by one kernel, and the scratch that the largest needs; by class how
    far each of its calls lets its output run before its first input."""

    classes: tuple[tuple[Call, ...], ...]
    scratch_bytes: int
    ahead_bytes: tuple[tuple[int | None, ...], ...]


def are_packed(
    classes: Sequence[Sequence[Call]],
    kernel: Kernel,
    stored: Mapping[str, Storage],
    output: str,
) -> bool:
    """Whether integers of these calls, or their weights, are packed."""
    return kernel.descriptor in FORMS and any(
        is_narrow(call, stored, output) for of in classes for call in of
    )


def fit(
    classes: Sequence[Sequence[Call]],
    kernel: Kernel,
    stored: Mapping[str, Storage],
    output: str,
) -> bool:
    """Whether ``kernel`` computes all calls, with outputs clamped alike."""
    if not all(fits(call, kernel, stored, output) for of in classes for call in of):
        return False
    if not are_packed(classes, kernel, stored, output) or kernel.descriptor in MOVES:
        return True
    to = stored[output].bits
    return all(
        len({clamps(call, kernel, to) for call in same}) == 1 for same in zip(*classes, strict=True)
    )


def packed_parts(
    classes: Sequence[Sequence[Call]],
    kernel: Kernel,
    stored: Mapping[str, Storage],
    output: str,
) -> Parts:
    """The calls of all ``classes`` by ``kernel``, which fits.

    Example: parts of 1 and 2 rows of a map of s4, 16 x 16 x 8, by a kernel 3x3: both have room for
    four rows of 128 bytes.
    """
    by_call = [
        _alike([packed(call, kernel, stored, output) for call in same])
        for same in zip(*classes, strict=True)
    ]
    by_class = list(zip(*by_call, strict=True))
    return Parts(
        tuple(tuple(form.call for form in of) for of in by_class),
        max(form.scratch_bytes for of in by_class for form in of),
        tuple(tuple(form.ahead_bytes for form in of) for of in by_class),
    )


def _alike(forms: Sequence[Packed]) -> list[Packed]:
    """One call of all classes, with the largest of their buffers."""
    first = forms[0].call.packing
    if first is None:
        return list(forms)
    packings = [form.call.packing or first for form in forms]
    largest = {name: max(number(p, name) for p in packings) for name in (*_BUFFERS, "step")}
    packing = Struct({**first.fields, **largest})
    varying: dict[str, tuple[int, ...]] = {}
    for path in {path for form in forms for path in form.call.varying}:
        values = {value for form in forms for value in form.call.varying.get(path, ())}
        varying[path] = tuple(sorted(values))
    most = max(
        form.scratch_bytes - _buffers(form.call, p) for form, p in zip(forms, packings, strict=True)
    )
    return [
        replace(
            form,
            call=replace(form.call, packing=packing, varying=varying),
            scratch_bytes=most + _buffers(form.call, packing),
        )
        for form in forms
    ]


def _buffers(call: Call, packing: Struct) -> int:
    """Bytes of the buffers: of one for each packed input, where each has its own."""
    bits = packing.fields["input_bits"]
    assert isinstance(bits, tuple)
    inputs = sum(b < 8 for b in bits if isinstance(b, int)) if len(call.inputs) == 2 else 1
    return number(packing, "input_bytes") * inputs + sum(
        number(packing, name) for name in _BUFFERS if name != "input_bytes"
    )
