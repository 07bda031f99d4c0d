"""One call of a kernel, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hwkit.targets.mcu.structs import Struct, Value

Fields: TypeAlias = dict[str, Value]
"""A descriptor's fields in the order of its C declaration."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of ``hwk_<kernel>``; ``inputs`` are names of tensors."""

    kernel: str
    descriptor: Struct
    inputs: tuple[str, ...]
