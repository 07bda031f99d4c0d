"""Functions of one integer that never fall, as FINN's MultiThreshold nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwkit.ir.ops import Rescale
from hwkit.ir.types import Array
from hwkit.lower.thresholds import rescale_thresholds, thresholds
from hwkit.targets.finn.graph import Builder, Tensor

MAX_THRESHOLDS = 1023
"""FINN stores every one of them for every channel."""


def requantized(b: Builder, x: Tensor, y: Tensor, r: Rescale, bias: int) -> None:
    """The rescale of ``x + bias``."""
    check_levels(b, r.low, r.high)
    channels = x.shape[-1]
    low, high = np.full(channels, x.low), np.full(channels, x.high)
    t = rescale_thresholds(r, np.full(channels, bias), low, high, b.op_name)
    multi_threshold(b, x, t, y, r.low, r.high)


def of_function(b: Builder, x: Tensor, y: Tensor, function: Callable[[Array], Array]) -> None:
    """A function of one integer that never falls, as thresholds."""
    low, high = np.array([x.low]), np.array([x.high])
    first, last = int(function(low)[0]), int(function(high)[0])
    check_levels(b, first, last)
    multi_threshold(b, x, thresholds(function, low, high, first, last), y, first, last)


def check_monotone(b: Builder, table: Array) -> None:
    """Refuses a table that falls: a count of thresholds only rises."""
    if (np.diff(table) < 0).any():
        raise b.unsupported("its table falls somewhere, thresholds only rise; use a ReLU")


def check_levels(b: Builder, first: int, last: int) -> None:
    """Refuses ``first..last`` when it takes more thresholds than FINN has."""
    if last - first > MAX_THRESHOLDS:
        raise b.unsupported(
            f"{last - first} thresholds for {first}..{last}, FINN takes {MAX_THRESHOLDS}; use "
            "activations of at most 10 bits"
        )


def multi_threshold(b: Builder, x: Tensor, t: Array, y: Tensor, first: int, last: int) -> None:
    """``y`` in ``first..last`` as ``first`` and the count of thresholds that ``x`` reaches."""
    emit_thresholds(b, x, t, b.tensor(y.name, y.shape, first, last), first)


def emit_thresholds(b: Builder, x: Tensor, t: Array, made: Tensor, first: int) -> Tensor:
    """The node of ``multi_threshold`` for a tensor that is declared already."""
    if not t.shape[1]:
        t = np.full((1, 1), x.high + 1)  # one value only: a threshold that nothing reaches
    return b.node(
        "MultiThreshold",
        (x.name, b.constant("thresholds", t)),
        made,
        custom=True,
        out_dtype=made.datatype,
        out_bias=float(first),
        data_layout="NHWC" if len(made.shape) == 4 else "NC",
    )
