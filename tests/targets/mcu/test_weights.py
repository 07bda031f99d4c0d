"""Layouts of weights, against the C accessors' formulas; folded biases; equal rescales."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.arith import rescale as rescaled
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import IntType
from hwkit.targets.mcu.rescales import ROUNDINGS, has_tie, normalized, rescale
from hwkit.targets.mcu.structs import Table
from hwkit.targets.mcu.weights import (
    as_words,
    band_stream,
    block_stream,
    channel_pairs,
    pack_nibbles,
    pack_rows,
    pack_taps,
    quad_stream,
    storage_bits,
    tap_blocks,
    tap_channels,
    tap_columns,
    winograd4_factors,
    winograd4_rows,
    winograd4_stream,
    wrapped_bias,
)


def test_four_bit_rows_hold_weights_j_and_j_plus_4_in_byte_j() -> None:
    packed = pack_nibbles(pack_rows(np.array([[1, 2, 3, 4, 5, 6, 7, -8]])))
    assert packed.view(np.uint8).tolist() == [[0x51, 0x62, 0x73, 0x84]]
    assert pack_nibbles(pack_rows(np.array([[-1]]))).view(np.uint8).tolist() == [[0x0F, 0, 0, 0]]


def test_rows_are_padded_to_words() -> None:
    assert pack_rows(np.array([[1, -2, 3, 4, 5]])).tolist() == [[1, -2, 3, 4, 5, 0, 0, 0]]
    assert pack_nibbles(pack_rows(np.ones((3, 9)))).shape == (3, 8)


def test_taps_layout() -> None:
    weight = np.arange(1, 13).reshape(1, 3, 1, 4).astype(np.int8)
    # taps a = 1..4, b = 5..8, c = 9..12 of channels 0..3
    assert pack_taps(weight).tolist() == [1, 2, 5, 6, 3, 4, 7, 8, 9, 10, 0, 0, 11, 12, 0, 0]
    assert pack_taps(np.array([[[[1]], [[2]]]], np.int8)).tolist() == [1, 0, 2, 0, 0, 0, 0, 0]


def test_pairs_of_channels() -> None:
    assert channel_pairs(np.array([1, 2, 3, 4])).tolist() == [0x30001, 0x40002]
    assert channel_pairs(np.array([[-1, 0, 0, -2]])).tolist() == [[0xFFFF, 0xFFFE0000]]
    assert as_words(np.array([0xFFFFFFFF, 5])).tolist() == [-1, 5]


def test_winograd4_layouts() -> None:
    ones, bias, factors = np.ones((1, 36), np.int8), np.array([5]), np.array([[1, 2, 3]])
    start = 64 * (5 - 128 * 36)
    assert winograd4_factors(ones, bias, factors).tolist() == [[start, 1, 2, 3]]
    rows = winograd4_rows(ones, bias, factors)
    assert rows.tolist() == [0x01010101] * 9 + [start, 1, 2, 3]
    stream = winograd4_stream(ones, bias, factors)
    words, ends = stream[: 36 * 2 * 4].reshape(36, 2, 4), stream[36 * 2 * 4 :].reshape(4, 4)
    # The products of 6, 3, 1, 7, 3 and 6, the sums of the rows of G, in a pair of channels.
    assert words[[0, 1, 7, 21], 1, 0].tolist() == [n * 0x10001 for n in (36, 18, 9, 49)]
    assert not words[..., 1:].any() and ends.tolist() == [[start, 1, 2, 3], *[[0] * 4] * 3]


def test_band_stream() -> None:
    packed = pack_taps(np.arange(1, 10, dtype=np.int8).reshape(1, 3, 3, 1))
    stream = band_stream(packed, np.array([5]), np.array([[7, 8, 9]]))
    assert stream[:3].view(np.int8).tolist() == [1, 4, 4, 7, 2, 5, 5, 8, 3, 6, 6, 9]
    assert stream[3:].tolist() == [10, 7, 8, 9]


def test_wrapped_bias_wraps() -> None:
    assert wrapped_bias(np.array([[1, 2]]), np.array([10]), -3).tolist() == [19]
    assert wrapped_bias(np.array([[127]]), np.array([2**31 - 1]), -128).tolist() == [
        -(2**31) + 127 * 128 - 1
    ]


def test_storage() -> None:
    assert [storage_bits(IntType(n, True)) for n in (1, 2, 4, 5, 8)] == [1, 2, 4, 8, 8]
    assert [storage_bits(IntType(n, False)) for n in (1, 3, 4, 7, 8)] == [2, 4, 8, 8, 9]


@settings(derandomize=True, deadline=None)
@given(
    st.integers(0, 2**31 - 1),
    st.integers(0, 62),
    st.just(0) | st.integers(-(2**61), 2**61) | st.integers(-(2**33), 2**33),
    st.sampled_from([Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR]),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1),
)
def test_a_normalized_channel_is_equal(
    m: int, s: int, o: int, rounding: Rounding, x: list[int]
) -> None:
    c = normalized(m, s, o, rounding)
    wide = (-(2**62), 2**62)
    before = rescaled(np.array(x), Rescale((m,), (s,), rounding, *wide, offset=(o,)), "before")
    normal = Rescale((c.multiplier,), (c.shift,), rounding, *wide, offset=(c.offset,))
    assert np.array_equal(before, rescaled(np.array(x), normal, "after"))
    full = c.multiplier == 0 or c.multiplier >= 1 << 30 or c.shift == 62
    assert full or abs(c.offset) > 1 << 60


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.integers(0, 40), st.integers(0, 7), st.integers(-300, 300), st.integers(0, 60))
def test_ties_are_found(m: int, s: int, o: int, most: int) -> None:
    products = [x * m + o for x in range(-most, most + 1)]
    ties = any(s > 0 and p % (1 << s) == 1 << (s - 1) for p in products)
    assert has_tie(normalized(m, s, o, Rounding.HALF_EVEN), most) == ties


def test_equal_channels_need_no_tables() -> None:
    same = rescale(Rescale((1, 2), (3, 4), Rounding.FLOOR, -128, 127), 100)
    assert same.fields["multipliers"] is None and same.fields["shift"] == 33
    other = rescale(Rescale((1, 3), (3, 4), Rounding.FLOOR, -128, 127), 100)
    assert other.fields["multipliers"] is not None and other.fields["shift"] == 33
    assert other.fields["input_bits"] == 8


def test_an_offset_takes_in_rounding_constant_and_zero_point() -> None:
    r = Rescale((1 << 30,), (40,), Rounding.HALF_EVEN, -128, 127, -3, offset=(5, 7))
    fields = rescale(r, 1 << 20).fields
    offsets = fields["offsets"]
    assert isinstance(offsets, Table) and offsets.values.dtype == np.int64
    assert offsets.values.tolist() == [o + (1 << 39) - (3 << 40) for o in (5, 7)]
    assert fields["rounding"] == ROUNDINGS[Rounding.FLOOR]
    assert (fields["zero_point"], fields["offset_step"]) == (0, 1)
    # At shift 62 a zero point has no room beside the sum, and stays what it is.
    far = rescale(Rescale((1 << 30,), (62,), Rounding.HALF_UP, -128, 127, -3, offset=(5,)), 9)
    assert far.fields["zero_point"] == -3 and far.fields["offset_step"] == 0


def test_a_half_even_rescale_without_ties_is_half_up() -> None:
    odd = Rescale(((1 << 30) + 1,), (40,), Rounding.HALF_EVEN, -128, 127)
    even = Rescale((1 << 30,), (40,), Rounding.HALF_EVEN, -128, 127)
    assert rescale(odd, 1 << 20).fields["rounding"] == ROUNDINGS[Rounding.HALF_UP]
    assert rescale(even, 1 << 20).fields["rounding"] == ROUNDINGS[Rounding.HALF_EVEN]
    assert rescale(odd, 1 << 20).fields["offsets"] is None


def test_tap_columns() -> None:
    weight = np.arange(1, 10).reshape(1, 3, 3, 1)
    columns = tap_columns(pack_taps(weight), 1)
    assert columns.tolist() == [1, 4, 4, 7, 2, 5, 5, 8, 3, 6, 6, 9]


def test_tap_columns_of_several_groups() -> None:
    weight = np.random.default_rng(0).integers(-128, 128, (1, 3, 3, 6))
    columns = tap_columns(pack_taps(weight), 6).reshape(6, 3, 4)
    for row, places in ((0, (0,)), (1, (1, 2)), (2, (3,))):
        for place in places:
            assert np.array_equal(columns[:, :, place], weight[0, row].T)


def test_tap_channels() -> None:
    weight = np.random.default_rng(0).integers(-128, 128, (1, 3, 5, 6))
    channels = tap_channels(pack_taps(weight), 6, 15)
    assert np.array_equal(channels, weight.reshape(15, 6).T)


def test_tap_blocks() -> None:
    weight = np.random.default_rng(0).integers(-128, 128, (1, 3, 3, 20))
    blocks = tap_blocks(pack_taps(weight), 20, 9)
    assert blocks.shape == (2, 9, 16)
    assert np.array_equal(blocks[0], weight.reshape(9, 20)[:, :16])
    assert np.array_equal(blocks[1, :, :4], weight.reshape(9, 20)[:, 16:])
    assert not blocks[1, :, 4:].any()


def test_quads_have_the_taps_beyond_whole_blocks_first() -> None:
    rows = np.arange(1, 21, dtype=np.int8)[None].repeat(5, axis=0)  # 18 taps in whole words
    factors = np.array([[10, 0, 7]]).repeat(5, axis=0)
    stream = quad_stream(rows, np.arange(5, dtype=np.int32), factors, 18)
    quads = stream.reshape(2, -1)
    assert quads.shape[1] == 2 * 4 * 4 + 3 * 4
    taps = quads[:, :32].copy().view(np.int8).reshape(2, 2, 4, 16)
    assert taps[0, 0, 3].tolist() == [1, 2] + [0] * 14
    assert taps[0, 1, 3].tolist() == list(range(3, 19))
    assert not taps[1, :, 1:].any()
    assert quads[0, 32:].tolist() == [0, 1, 2, 3] + [10] * 4 + [-7] * 4
    assert quads[1, 32:].tolist() == [4, 0, 0, 0, 10, 0, 0, 0, -7, 0, 0, 0]


def test_blocks_have_every_fourth_channels_factors_together() -> None:
    weight = np.arange(1, 35, dtype=np.int8).reshape(1, 2, 1, 17)
    factors = np.stack([np.arange(17), np.zeros(17), np.full(17, 3)], axis=1).astype(np.int64)
    stream = block_stream(pack_taps(weight), np.arange(100, 117, dtype=np.int32), factors, 2)
    blocks = stream.reshape(2, -1)
    assert blocks.shape[1] == 2 * 4 + 3 * 16
    taps = blocks[:, :8].copy().view(np.int8).reshape(2, 2, 16)
    assert taps[0, 1].tolist() == list(range(18, 34)) and taps[1, 0].tolist() == [17] + [0] * 15
    assert blocks[0, 8:13].tolist() == [100, 104, 108, 112, 101]
    assert blocks[0, 24:29].tolist() == [0, 4, 8, 12, 1]
    assert blocks[1, 40:].tolist() == [-3] + [0] * 15
