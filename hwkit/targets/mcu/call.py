"""One call of a kernel, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.ir.types import S8, Array, IntType
from hwkit.targets.mcu.capabilities import STORED
from hwkit.targets.mcu.structs import Struct, Table, Value

Fields: TypeAlias = dict[str, Value]
"""A descriptor's fields in the order of its C declaration."""


def stored(op: Op, purpose: str, values: Array, dtype: IntType = S8) -> Table:
    """A constant of ``op`` as the int8, or int16 of a longer ``dtype``, that kernels read;
    ``GraphError`` where one does not fit.

    Example: 200 of a u8 constant is no int8; whoever lowers it moves it by 128 first.
    """
    read = IntType(STORED.of(dtype).bits, True)
    low, high = int(values.min()), int(values.max())
    if low < read.low or high > read.high:
        raise GraphError(
            op.name,
            f"its {purpose} are {low}..{high}, kernels read {read.container}; requantize to "
            f"{read.bits} bits",
        )
    return Table(purpose, values.astype(read.container))


def named(kernel: str, graph: Graph, op: Op) -> str:
    """``kernel`` for integers as wide as ``op`` reads: ``add_s16`` for two inputs of s12."""
    dtype = graph.tensors[activations(op)[0]].dtype
    return f"{kernel}_s{STORED.of(dtype).bits}"


def output_bytes(graph: Graph, op: Op) -> int:
    """Of each integer that ``op`` gives: 1, 2 or 4."""
    return STORED.of(graph.tensors[op.output].dtype).bits // 8


@dataclass(frozen=True, slots=True)
class Call:
    """One call of ``hwk_<kernel>``; ``inputs`` are names of tensors. ``shared``: a copy of the
    kernel that serves several layers will do. ``varying``: fields of the descriptor, by path,
    that take these numbers one after the other, where a layer is computed in parts.

    ``weight_bits`` and ``input_bits`` hold all integers of its weights' and its input's type:
    weights of fewer than 8 may be packed. ``packing``, an ``hwk_packing_t``, says how integers lie
    where some are packed; None where each has a byte or more."""

    kernel: str
    descriptor: Struct
    inputs: tuple[str, ...]
    shared: bool = False
    varying: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    weight_bits: int = 8
    input_bits: int = 8
    packing: Struct | None = None


@dataclass(frozen=True, slots=True)
class Pick:
    """How a layer is computed: by ``hwk_<kernel>``, and whether by a copy of it that others use
    as well; ``small`` when its own copy is compiled for size rather than speed; ``usual`` when a
    layer that is computed in parts has a copy for most of them and another for the rest.
    ``kernel`` is "" where there is nothing to call."""

    kernel: str
    shared: bool
    small: bool = False
    usual: bool = False
