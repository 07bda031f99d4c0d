"""One call of a kernel, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hwkit.targets.mcu.structs import Struct, Value

Fields: TypeAlias = dict[str, Value]
"""A descriptor's fields in the order of its C declaration."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of ``hwk_<kernel>``; ``inputs`` are names of tensors. ``shared``: a copy of the
    kernel that serves several layers will do."""

    kernel: str
    descriptor: Struct
    inputs: tuple[str, ...]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Pick:
    """How a layer is computed: by ``hwk_<kernel>``, and whether by a copy of it that others use
    as well; ``small`` when its own copy is compiled for size rather than speed. ``kernel`` is ""
    where there is nothing to call."""

    kernel: str
    shared: bool
    small: bool = False
