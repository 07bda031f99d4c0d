"""One copy of a kernel's code for several layers, where a copy for each gains too little.

A kernel called with a constant descriptor is compiled for that layer alone. Where the inner loop
is a function of its own anyway, layers of one kind can share the rest: what their descriptors
agree on is constant in the shared copy, what they differ in is read at run time. Layers are of
one kind when every choice between ways to compute falls alike for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.layers import Call
from hwkit.targets.mcu.structs import Enumerator, Struct, Table, Value

_DECIDING = {
    "kernel_height",
    "kernel_width",
    "stride_height",
    "stride_width",
    "dilation_height",
    "dilation_width",
    "channel_multiplier",
    "left_shift",
    "offset_step",
    "output_bytes",
    "low",
    "high",
}
"""Numbers that must agree."""

_MERGED = {"lowest_shift": min, "highest_shift": max, "input_bits": max}
"""Bounds: one for all layers is the widest of theirs."""

_SHIFT_LIMITS = (31, 32, 33, 54, 55)
_ZERO_POINT_LIMITS = (-(1 << 29) + 1, -128, 129, 1 << 29)
"""Numbers on the same side of each of these allow the same arithmetic (dsp/hwk_rescale.h)."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """A copy named ``symbol`` of ``kernel`` for several calls: the fields of its descriptor that
    are constant, by path, and C conditions that hold for the others."""

    symbol: str
    kernel: Kernel
    constants: Mapping[str, int | Enumerator | None]
    conditions: tuple[str, ...]


def by_rule(kernel: Kernel) -> bool:
    """Whether its layers share a copy where nothing has been measured."""
    return kernel.row.shareable


def shared(calls: Iterable[Call], kernels: Mapping[str, Kernel]) -> dict[int, Shared]:
    """The copies that serve two calls or more of those that may share, by ``id`` of each call
    that they serve."""
    groups: dict[tuple[object, ...], list[Call]] = {}
    for call in calls:
        if call.shared:
            kernel = kernels[call.kernel]
            groups.setdefault((kernel.symbol, *_kind(call.descriptor)), []).append(call)
    found: dict[int, Shared] = {}
    numbers: Counter[str] = Counter()
    for group in (group for group in groups.values() if len(group) > 1):
        kernel = kernels[group[0].kernel]
        symbol = f"hwk_{kernel.symbol}_shared{numbers[kernel.symbol]}"
        numbers[kernel.symbol] += 1
        copy = Shared(symbol, kernel, _constants(group), _conditions(group))
        found |= {id(call): copy for call in group}
    return found


def _kind(descriptor: Struct) -> Iterator[object]:
    """What must be equal for two layers to share a copy."""
    for path, value in leaves(descriptor):
        name = path.rpartition(".")[2]
        if value is None or isinstance(value, Table):
            yield path, value is None
        elif isinstance(value, Enumerator) or name in _DECIDING:
            yield path, value
        elif name in _MERGED:
            yield path, sum(value >= limit for limit in _SHIFT_LIMITS)
        elif name == "zero_point":
            yield path, sum(value >= limit for limit in _ZERO_POINT_LIMITS)
        elif name == "channels":
            yield path, value % 4 == 0


def _constants(group: list[Call]) -> dict[str, int | Enumerator | None]:
    """Fields that are the same in all of ``group``, and bounds that hold for all."""
    constants: dict[str, int | Enumerator | None] = {}
    for same in zip(*(leaves(call.descriptor) for call in group), strict=True):
        path, first = same[0]
        merge = _MERGED.get(path.rpartition(".")[2])
        numbers = [value for _, value in same if isinstance(value, int)]
        if merge is not None:
            constants[path] = merge(numbers)
        elif any(path in call.varying for call in group):
            continue
        elif not isinstance(first, Table) and all(value == first for _, value in same):
            constants[path] = first
    return constants


def _conditions(group: list[Call]) -> tuple[str, ...]:
    """What the compiler may assume of the fields that differ: a table is there, a number lies
    between the ends of those of the group."""
    conditions = []
    for same in zip(*(leaves(call.descriptor) for call in group), strict=True):
        path, first = same[0]
        numbers = [value for _, value in same if isinstance(value, int)]
        numbers += [number for call in group for number in call.varying.get(path, ())]
        if isinstance(first, Table):
            conditions.append(f"d.{path} != NULL")
        elif path.rpartition(".")[2] not in _MERGED:
            conditions += bounds(f"d.{path}", numbers)
    return tuple(conditions)


def bounds(name: str, numbers: Sequence[int]) -> list[str]:
    """C conditions that hold for ``name`` where it is one of ``numbers``; none for a single one.

    Example: for 4 and 8 ``name >= 4 && name <= 8`` and ``name % 4 == 0``.
    """
    if len(set(numbers)) < 2:
        return []
    fours = all(number % 4 == 0 for number in numbers)
    between = f"{name} >= {min(numbers)} && {name} <= {max(numbers)}"
    return [between, f"{name} % 4 == 0"] if fours else [between]


def leaves(
    value: Struct, prefix: str = ""
) -> Iterator[tuple[str, int | Enumerator | Table | None]]:
    """Every field that is no struct, by its C path: ``window.channels``, ``zero_points[0]``."""
    for name, field in value.fields.items():
        parts = enumerate(field) if isinstance(field, tuple) else ((-1, field),)
        for index, part in parts:
            path = prefix + name + (f"[{index}]" if index >= 0 else "")
            yield from _part(path, part)


def _part(path: str, part: Value) -> Iterator[tuple[str, int | Enumerator | Table | None]]:
    if isinstance(part, Struct):
        yield from leaves(part, f"{path}.")
    elif not isinstance(part, tuple):
        yield path, part
