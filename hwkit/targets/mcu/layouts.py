"""Weights in the layouts that kernels read (``hwk_weights.h``): from a descriptor with rows as
``pack_rows`` and ``pack_taps`` leave them to the descriptor of one kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.descriptors import channels_in, is_3x3, number, taps
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import (
    band_stream,
    block_stream,
    group_rows,
    pack_nibbles,
    pair_stream,
    quad_stream,
    tap_blocks,
    tap_channels,
    tap_columns,
    winograd4_rows,
    winograd4_stream,
    winograd_rows,
)

Layout: TypeAlias = Callable[[Struct, Table], Struct]
"""The descriptor with its weights laid out."""

Stream: TypeAlias = Callable[[Array, Array, Array], Array]
"""One table of weights, biases and factors."""


_known: WeakKeyDictionary[Struct, dict[Layout, Struct]] = WeakKeyDictionary()
"""Of the descriptors that are alive: every plan of a graph lays out the same ones."""


def laid_out(call: Call, layout: Layout | None) -> Call:
    """``call`` with its weights in ``layout``; None leaves them as they are. Where there are none
    a layout is given an empty table."""
    weights = call.descriptor.fields.get("weights")
    if layout is None:
        return call
    if not isinstance(weights, Table):
        weights = Table("", np.zeros(0, np.int8))
    known = _known.setdefault(call.descriptor, {})
    if layout not in known:
        known[layout] = layout(call.descriptor, weights)
    return replace(call, descriptor=known[layout])


def grouped(rows: int) -> Layout:
    """The words of so many rows side by side: a kernel multiplies them at once."""
    return lambda d, weights: _placed(d, weights, group_rows(weights.values, rows))


def nibbles(rows: int) -> Layout:
    """The same of two weights in a byte; for a single row as they lie."""

    def layout(d: Struct, weights: Table) -> Struct:
        packed = pack_nibbles(weights.values)
        return _placed(d, weights, packed if rows == 1 else group_rows(packed, rows))

    return layout


def winograd(d: Struct, weights: Table) -> Struct:
    """Transformed by F(2x2, 3x3)."""
    return _placed(d, weights, winograd_rows(weights.values, channels_in(d)))


def by_tap(d: Struct, weights: Table) -> Struct:
    """All channels' weights of a tap side by side, without gaps."""
    dense = "input_features" in d.fields
    count = number(d, "input_features") if dense else taps(d) * channels_in(d)
    return _placed(d, weights, np.ascontiguousarray(weights.values[:, :count].T))


def of_taps(d: Struct, weights: Table) -> Struct:
    """The same of depthwise kernels."""
    rows = tap_channels(weights.values, _channels(d), taps(d))
    return _placed(d, weights, np.ascontiguousarray(rows.T))


def by_channel(d: Struct, weights: Table) -> Struct:
    """A channel's taps side by side."""
    return _placed(d, weights, tap_channels(weights.values, _channels(d), taps(d)))


def in_blocks(d: Struct, weights: Table) -> Struct:
    """Sixteen channels' taps in a block."""
    return _placed(d, weights, tap_blocks(weights.values, _channels(d), taps(d)))


def by_quads(d: Struct, weights: Table) -> Struct:
    """Four rows side by side with their biases and factors, by 16 taps."""
    return _streamed(d, weights, partial(quad_stream, taps=taps(d) * channels_in(d)))


def by_blocks(d: Struct, weights: Table) -> Struct:
    """Sixteen channels' taps in a block, with their biases and factors."""
    return _streamed(d, weights, partial(block_stream, taps=taps(d)))


def in_columns(d: Struct, weights: Table) -> Struct:
    """The columns of 3x3 windows side by side; others stay."""
    if not is_3x3(d):
        return d
    return _placed(d, weights, tap_columns(weights.values, _channels(d)))


def streamed(made: Stream) -> Layout:
    """Weights, biases and factors in one table, which ``made`` makes of them."""
    return lambda d, weights: _streamed(d, weights, made)


PAIRS = streamed(partial(pair_stream, group=2))
PAIRS_OF_4_ROWS = streamed(partial(pair_stream, group=4))
WINOGRAD4 = streamed(winograd4_stream)
WINOGRAD4_ROWS = streamed(winograd4_rows)
BANDS = streamed(band_stream)


def _placed(d: Struct, weights: Table, values: Array) -> Struct:
    return Struct({**d.fields, "weights": Table(weights.purpose, values)})


def _channels(d: Struct) -> int:
    bias = d.fields["bias"]
    assert isinstance(bias, Table)
    return len(bias.values)


def _streamed(descriptor: Struct, weights: Table, made: Stream) -> Struct:
    """Weights, biases and factors in one table, and the tables that it replaces gone."""
    bias, r = descriptor.fields["bias"], descriptor.fields["rescale"]
    assert isinstance(bias, Table) and isinstance(r, Struct)
    rights = _entries(r, "shifts", "shift", len(bias.values)) - 31
    zero_point = r.fields["zero_point"]
    assert isinstance(zero_point, int)
    offsets = (2 * zero_point + 1) << (rights - 1)
    multipliers = _entries(r, "multipliers", "multiplier", len(bias.values))
    factors = np.stack([multipliers, offsets, rights], axis=1)
    stream = Table(weights.purpose, made(weights.values, bias.values, factors))
    alone = Struct({**r.fields, "multipliers": None, "shifts": None})
    return Struct({**descriptor.fields, "weights": stream, "bias": None, "rescale": alone})


def _entries(r: Struct, table: str, number: str, count: int) -> Array:
    """A factor of each channel, int64 (count,)."""
    values, one = r.fields[table], r.fields[number]
    entries = values.values if isinstance(values, Table) else one
    return np.broadcast_to(np.asarray(entries, np.int64), count)
