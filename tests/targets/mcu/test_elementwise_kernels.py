"""Which elementwise layers the kernels of the cores without SIMD compute, and their tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.ir.arith import rescale
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import AvgPool2d, Lookup, Mul, Padding, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, IntType
from hwkit.targets.mcu import byte_maps, mul_line, pool_words
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.structs import Struct, Table

_INTO = Rescale((1_502_201_763,), (40,), Rounding.DOUBLE, -128, 127, -128)


def _lookup(dtype: IntType) -> Struct:
    b = GraphBuilder("lookup")
    b.input("x", (4,), dtype)
    b.constant("t", np.arange(dtype.low, dtype.high + 1), S8)
    b.add(Lookup("op", "x", "t", "y"), S8)
    graph = b.build(["y"])
    return calls(graph, graph.nodes[0])[0].descriptor


def test_a_table_starts_with_zero() -> None:
    made = byte_maps.laid_out(_lookup(S8), Table("", np.zeros(0, np.int8)))
    table = made.fields["table"]
    assert isinstance(table, Table)
    assert table.values.tolist() == [*range(128), *range(-128, 0)]


def test_only_tables_of_whole_bytes() -> None:
    assert byte_maps.fits_lookup(_lookup(S8))
    assert not byte_maps.fits_lookup(_lookup(IntType(4, True)))


def _requantize(r: Rescale, dtype: IntType = S8) -> Struct:
    b = GraphBuilder("requantize")
    b.input("x", (2, 2), dtype)
    b.add(Requantize("op", "x", "y", r, 1), S8)
    graph = b.build(["y"])
    return calls(graph, graph.nodes[0])[0].descriptor


def test_only_one_rescale_of_every_byte_is_tabled() -> None:
    """A narrower input promises less than int8: shifts of what it can't be may leave 32 bits."""
    assert byte_maps.fits_requantize(_requantize(_INTO))
    each = replace(_INTO, multiplier=(1 << 30, 1 << 29), shift=(40, 40))
    assert not byte_maps.fits_requantize(_requantize(each))
    assert not byte_maps.fits_requantize(
        _requantize(replace(_INTO, left_shift=22), IntType(2, True))
    )


def _mul(r: Rescale) -> Struct:
    b = GraphBuilder("mul")
    b.input("x", (4,), S8)
    b.input("z", (4,), S8)
    b.add(Mul("op", ("x", "z"), "y", (-128, 5), rescale=r), S8)
    graph = b.build(["y"])
    return calls(graph, graph.nodes[0])[0].descriptor


def test_products_on_a_line() -> None:
    struct = _mul(_INTO)
    assert mul_line.fits(struct)
    made = mul_line.laid_out(struct, Table("", np.zeros(0, np.int8))).fields["rescale"]
    assert isinstance(made, Struct)
    line = made.fields["multipliers"]
    assert isinstance(line, Table)
    first, last, multiplier, offset = line.values.astype(np.int64)
    products = np.arange(-255 * 133, 255 * 122 + 1)
    x = np.clip(products - first, 0, last)
    scaled = ((x * (multiplier & 0xFFFFFFFF) >> 20) + offset) >> 16
    assert np.array_equal(scaled, rescale(products, _INTO, "products"))


@pytest.mark.parametrize(
    "other", [replace(_INTO, rounding=Rounding.FLOOR), replace(_INTO, low=-100)]
)
def test_products_on_no_line(other: Rescale) -> None:
    assert not mul_line.fits(_mul(other))


@pytest.mark.parametrize(
    ("shape", "fits"), [((1, 257, 4), True), ((2, 129, 4), False), ((2, 2, 6), False)]
)
def test_pools_in_words(shape: tuple[int, int, int], fits: bool) -> None:
    b = GraphBuilder("pool")
    b.input("x", shape, S8)
    b.add(AvgPool2d("op", "x", "y", shape[:2], (1, 1), Padding(), -128, 127), S8)
    graph = b.build(["y"])
    assert pool_words.fits(calls(graph, graph.nodes[0])[0].descriptor) is fits
