"""Layers that compute nothing: integers in another order, several streams as one, constants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from hwkit.ir.types import Array, IntType
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.fold import Fold, divisors
from hwkit.targets.rtl.netlist import Netlist, packed
from hwkit.targets.rtl.rescaled import resized


@dataclass(frozen=True, slots=True)
class Order:
    """Words of a tensor as ``hwk_gather`` reads them: ``rows[i] + places[j]`` for every row and
    place, from a ring of ``depth`` words; ``floors[i]`` is the first word that row ``i`` or a
    later one reads."""

    size: int
    rows: Array
    places: Array
    floors: Array
    depth: int

    @property
    def bits(self) -> int:
        """Of a count of words in which all that is near differs."""
        return (4 * self.size + 2 * self.depth).bit_length()

    @property
    def stored_bits(self) -> int:
        """Of both tables."""
        stored = 2 * len(self.rows) * (len(self.rows) > 1) + len(self.places) * (
            len(self.places) > 1
        )
        return stored * self.bits


def order(words: Array, size: int, word_bits: int) -> Order:
    """The rows and places of ``words`` (flat, below ``size``) whose tables and ring take least,
    for words of ``word_bits`` bits.

    Every list of words is one row, or one place a row; a slice, a transposition, a repetition of
    rows or columns is a sum of both. Example: 0 1 4 5 of 8 words are rows 0, 4 and places 0, 1.
    """
    every = [
        _order(words.reshape(-1, inner), size)
        for inner in divisors(len(words))
        if _is_sum(words.reshape(-1, inner))
    ]
    return min(every, key=lambda o: (o.stored_bits + o.depth * word_bits, o.depth))


def _is_sum(table: Array) -> bool:
    return bool((table - table[:, :1] == table[:1] - table[0, 0]).all())


def _order(table: Array, size: int) -> Order:
    floors = np.minimum.accumulate(table.min(axis=1)[::-1])[::-1]
    tops = np.maximum.accumulate(table.max(axis=1))
    # With room for the next row (behind the last one: the first of the next tensor), words come
    # while others are read.
    following = np.append(tops[1:], size + tops[0])
    most = int((following - floors).max()) + 1
    depth = min(1 << (max(most, 2) - 1).bit_length(), 1 << (2 * size - 1).bit_length())
    return Order(size, table[:, 0], table[0] - table[0, 0], floors, max(depth, 2))


@dataclass(frozen=True, slots=True)
class Gather:
    """Integers of a tensor of ``size_in`` in another order: ``index`` (flat) says which, once,
    several times or not at all."""

    name: str
    inputs: tuple[str, ...]
    output: str
    size_in: int
    index: Array
    source: IntType

    @property
    def size(self) -> int:
        """Integers of the output."""
        return len(self.index)

    def folds(self) -> Iterator[Fold]:
        """So many integers a beat as lie beside each other wherever they are read."""
        for lanes in divisors(gcd(self.size_in, self.size)):
            starts = self.index[::lanes]
            if not (starts % lanes).any() and np.array_equal(
                self.index.reshape(-1, lanes), starts[:, None] + np.arange(lanes)
            ):
                yield Fold(lanes, lanes)

    def cycles(self, fold: Fold) -> int:
        """Beats through the busier port."""
        return max(self.size, self.size_in) // fold.simd

    def order(self, fold: Fold) -> Order:
        """Of the words of this folding."""
        words = self.index[:: fold.simd] // fold.simd
        return order(words, self.size_in // fold.simd, fold.simd * self.source.bits)

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One ``hwk_gather``; returns the output's stream."""
        stream, made = net.streams[sources[0]], self.order(fold)
        bits = made.bits
        rows = (
            packed(pair, bits)
            for pair in zip(map(int, made.floors), map(int, made.rows), strict=True)
        )
        places = (packed((int(place),), bits) for place in made.places)
        parameters: dict[str, int | str] = {
            "WIDTH": stream.beat_bits,
            "SIZE": made.size,
            "OUTER": len(made.rows),
            "INNER": len(made.places),
            "DEPTH": made.depth,
            "BITS": bits,
            "ROWS": net.image(f"{self.name}_rows", rows, 2 * bits),
            "PLACES": net.image(f"{self.name}_places", places, bits),
        }
        out = Stream(self.size, stream.dtype, fold.pe)
        return net.add("hwk_gather", self.name, parameters, sources, out)


@dataclass(frozen=True, slots=True)
class Join:
    """Streams after each other, ``turns`` integers of each in a round, ``rounds`` times, on wires
    of ``dtype``."""

    name: str
    inputs: tuple[str, ...]
    output: str
    turns: tuple[int, ...]
    rounds: int
    dtype: IntType

    @property
    def size(self) -> int:
        """Integers of the output."""
        return sum(self.turns) * self.rounds

    def folds(self) -> Iterator[Fold]:
        """Every divisor of all turns."""
        return (Fold(lanes, lanes) for lanes in divisors(gcd(*self.turns)))

    def cycles(self, fold: Fold) -> int:
        """One beat a cycle."""
        return self.size // fold.simd

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One ``hwk_join``; returns the output's stream."""
        wide = tuple(
            source
            if net.streams[source].dtype == self.dtype
            else resized(net, source, self.dtype, f"{self.name}_in{k}")
            for k, source in enumerate(sources)
        )
        turns = [turn // fold.simd for turn in self.turns]
        bits = max(turns).bit_length()
        parameters: dict[str, int | str] = {
            "WIDTH": fold.pe * self.dtype.bits,
            "COUNT": len(turns),
            "BITS": bits,
            "TURNS": f"{len(turns) * bits}'h{packed(turns, bits):x}",
        }
        out = Stream(self.size, self.dtype, fold.pe)
        return net.add("hwk_join", self.name, parameters, wide, out)


@dataclass(frozen=True, slots=True)
class Source:
    """A constant: ``values`` (flat) of ``dtype``, for every inference."""

    name: str
    output: str
    values: Array
    channels: int
    dtype: IntType
    inputs: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Integers of an inference."""
        return len(self.values)

    def folds(self) -> Iterator[Fold]:
        """Every divisor of the channels."""
        return (Fold(lanes, lanes) for lanes in divisors(self.channels))

    def cycles(self, fold: Fold) -> int:
        """One beat a cycle."""
        return self.size // fold.pe

    def words(self, fold: Fold) -> Sequence[Sequence[int]]:
        """The integers of each beat, as few beats as repeat to all of them."""
        rows = self.values.reshape(-1, fold.pe)
        for period in divisors(len(rows)):
            if (rows.reshape(-1, period, fold.pe) == rows[:period]).all():
                break
        return [[int(value) for value in row] for row in rows[:period]]

    def build(self, net: Netlist, sources: tuple[str, ...], fold: Fold) -> str:
        """One ``hwk_constant``; returns its stream."""
        words, width = self.words(fold), fold.pe * self.dtype.bits
        images = (packed(row, self.dtype.bits) for row in words)
        parameters: dict[str, int | str] = {
            "WIDTH": width,
            "WORDS": len(words),
            "IMAGE": net.image(f"{self.name}_words", images, width),
        }
        made = Stream(self.size, self.dtype, fold.pe)
        return net.add("hwk_constant", self.name, parameters, (), made)
