"""One call of a kernel, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hwkit.errors import GraphError
from hwkit.ir.ops import Op
from hwkit.ir.types import S8, Array
from hwkit.targets.mcu.structs import Struct, Table, Value

Fields: TypeAlias = dict[str, Value]
"""A descriptor's fields in the order of its C declaration."""


def stored(op: Op, purpose: str, values: Array) -> Table:
    """A constant of ``op`` as the int8 that kernels read; ``GraphError`` where one does not fit.

    Example: 200 of a u8 constant is no int8; whoever lowers it moves it by 128 first.
    """
    low, high = int(values.min()), int(values.max())
    if low < S8.low or high > S8.high:
        raise GraphError(
            op.name, f"its {purpose} are {low}..{high}, kernels read int8; requantize to 8 bits"
        )
    return Table(purpose, values.astype(np.int8))


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
