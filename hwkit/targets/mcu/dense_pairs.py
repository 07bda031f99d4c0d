"""Weights of the matrix products that multiply two taps at once (``scalar/hwk_dense_pairs.h``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.fits import double_rounding
from hwkit.targets.mcu.pairs import BLOCK, MOST
from hwkit.targets.mcu.staircase import Staircase
from hwkit.targets.mcu.stairs import stairs
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import as_words, group_rows, pack_nibbles

ROWS = 4
"""At once."""

_BLOCK_BYTES = 12
"""Of the column, for four taps."""

_BLOCK_BYTES_S4 = 20
"""The same for eight taps of 4-bit weights."""

_Stream: TypeAlias = Callable[[Array, Array | None], Array]


def fits(struct: Struct) -> bool:
    """int8 weights but -128."""
    weights = struct.fields["weights"]
    assert isinstance(weights, Table)
    return weights.values.size > 0 and int(weights.values.min()) > -128


def laid_out(struct: Struct, weights: Table) -> Struct:
    """The stream of all rows; with biases and factors where a staircase serves the rescale."""
    return _streamed(struct, weights, stream)


def laid_out_s4(struct: Struct, weights: Table) -> Struct:
    """The same of packed 4-bit weights."""
    return _streamed(struct, weights, stream_s4)


def _streamed(struct: Struct, weights: Table, made_of: _Stream) -> Struct:
    bias, r = struct.fields["bias"], struct.fields["rescale"]
    assert isinstance(bias, Table) and isinstance(r, Struct)
    made = stairs(struct, weights.values) if double_rounding(struct, 26) else None
    ends = None if made is None else factors(bias.values, made)
    table = Table(weights.purpose, made_of(weights.values, ends))
    if made is None:
        return Struct({**struct.fields, "weights": table})
    alone = Struct({**r.fields, "multipliers": None, "shifts": None})
    return Struct({**struct.fields, "weights": table, "bias": None, "rescale": alone})


def factors(bias: Array, made: Staircase) -> Array:
    """Six words of each row, int64 (rows, 6): bias less the sum that x = 0 stands for, twice last,
    multiplier, offset, zero, step."""
    ends = 2 * made.last + made.split, made.multiplier, made.offset, made.zero, made.step
    return np.stack([bias.astype(np.int64) - made.first, *ends], axis=1)


def stream(packed: Array, ends: Array | None) -> Array:
    """int32 words, flat, of rows (rows, row bytes) in the rows layout and what follows each group,
    (rows, words), four at a time; missing rows are zeros without it.

    A run: the bytes of the column under its blocks, one less if it is the last one; of each block
    of four taps, of each row a word of its weights with 128 more; unless it is the last one, a
    careful block.

    Example: a row of four ones gives 11, 0x81818181 and three times 0x80808080.
    """
    rows = packed.shape[0]
    padded = np.zeros((-(-rows // ROWS) * ROWS, packed.shape[1]), np.int64)
    padded[:rows] = packed
    biased = np.ascontiguousarray((padded + 128).astype(np.uint8)).view(np.int32)
    parts: list[Array] = []
    for first in range(0, rows, ROWS):
        of = slice(first, first + ROWS)
        sizes = np.abs(padded[of]).reshape(ROWS, -1, BLOCK).sum(axis=2)
        careful = np.flatnonzero((sizes > MOST).any(axis=0))
        parts += _runs(biased[of].T, careful)
        if ends is not None:
            parts.append(ends[first : min(first + ROWS, rows)].reshape(-1))
    return as_words(np.concatenate(parts))


def stream_s4(packed: Array, ends: Array | None) -> Array:
    """The same of weights of -8..7, eight taps a word, without runs.

    Example: a row of four ones gives 20, 0x89898989 and three times 0x88888888.
    """
    rows = packed.shape[0]
    words = group_rows(pack_nibbles(packed), ROWS).view(np.int32) ^ np.int32(-0x77777778)
    length = words.shape[1] // ROWS * _BLOCK_BYTES_S4
    parts: list[Array] = []
    for number, group in enumerate(words.astype(np.int64)):
        parts += [np.array([length]), group]
        if ends is not None:
            parts.append(ends[ROWS * number : min(ROWS * (number + 1), rows)].reshape(-1))
    return as_words(np.concatenate(parts))


def _runs(blocks: Array, careful: Array) -> list[Array]:
    """Of blocks (n, rows), those that are ``careful`` named."""
    parts: list[Array] = []
    begin = 0
    for end in (*careful.tolist(), len(blocks)):
        length = (end - begin) * _BLOCK_BYTES - (end == len(blocks))
        parts += [np.array([length]), blocks[begin : end + 1].reshape(-1)]
        begin = end + 1
    return [part.astype(np.int64) for part in parts]
