"""Weights and biases in the layouts of ``firmware/include/hwk_weights.h``."""

from __future__ import annotations

import numpy as np

from hwkit.ir.sums import folded_bias
from hwkit.ir.types import Array, IntType


def storage_bits(dtype: IntType) -> int:
    """Bits of the narrowest signed storage of weights of ``dtype``: 1, 2, 4 or 8; 9 when none fits.

    Example: s3 gives 4, u1 2; u4 (0..15) needs five signed bits and gives 8; u8 gives 9.
    """
    needed = dtype.bits + (not dtype.signed)
    return next((bits for bits in (1, 2, 4, 8) if needed <= bits), 9)


def pack_rows(matrix: Array) -> Array:
    """Rows layout of a weight matrix (rows, taps) in bytes: int8 (rows, row bytes), padded to a
    multiple of 4 taps.

    Example: [[1, 2, 3, 4, 5]] gives 1 2 3 4 5 0 0 0.
    """
    rows, taps = matrix.shape
    padded = np.zeros((rows, -(-taps // 4) * 4), np.int8)
    padded[:, :taps] = matrix
    return padded


def pack_nibbles(packed: Array) -> Array:
    """Rows layout in 4 bits, from that in bytes: int8 (rows, row bytes), padded to a multiple of 8
    taps, of each eight of which byte j has tap j low and tap j + 4 high.

    Example: 1 2 3 4 5 6 7 -8 gives bytes 0x51, 0x62, 0x73, 0x84.
    """
    rows, taps = packed.shape
    padded = np.zeros((rows, -(-taps // 8) * 8), np.int64)
    padded[:, :taps] = packed
    groups = padded.reshape(rows, -1, 2, 4) & 15
    bytes_ = groups[:, :, 0] | groups[:, :, 1] << 4
    return bytes_.astype(np.uint8).reshape(rows, -1).view(np.int8)


def group_rows(packed: Array, group: int) -> Array:
    """Rows layout in groups: of ``group`` rows in turn a word of four bytes each; missing rows are
    zeros.

    Example: rows [1 2 3 4 5 6 7 8] and [9 9 9 9 0 0 0 0] in a group of 2 give
    1 2 3 4 9 9 9 9 5 6 7 8 0 0 0 0.
    """
    rows, row_bytes = packed.shape
    padded = np.zeros((-(-rows // group) * group, row_bytes), np.int8)
    padded[:rows] = packed
    words = padded.reshape(-1, group, row_bytes // 4, 4).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(words).reshape(-1, group * row_bytes)


def pair_stream(packed: Array, bias: Array, factors: Array, group: int) -> Array:
    """Weights, biases and factors of ``group`` channels at a time, as ``dsp/hwk_h8.h`` has them.

    ``packed`` is the rows layout in 8 bits (rows, row bytes), of -127..127, ``bias`` (rows,) int32
    and ``factors`` (rows, 3) int32: multiplier, offset, right. Missing rows are zeros.

    Example: one row 1 2 3 4, bias 5, in a group of 1 gives 256 * 5 - 127 * (1 + 3), then a word of
    the halves 256 * 2 + 1 and 256 * 4 + 3, then its factors.
    """
    rows, row_bytes = packed.shape
    groups = -(-rows // group)
    weights = np.zeros((groups * group, row_bytes), np.int64)
    weights[:rows] = packed
    halves = (weights[:, 0::2] + 256 * weights[:, 1::2]) & 0xFFFF
    start = -127 * weights[:, 0::2].sum(axis=1, keepdims=True)
    start[:rows, 0] += 256 * bias.astype(np.int64)
    words = np.concatenate([start, halves[:, 0::2] | halves[:, 1::2] << 16], axis=1)
    ends = np.zeros((groups * group, factors.shape[1]), np.int64)
    ends[:rows] = factors
    parts = words.reshape(groups, group, -1).transpose(0, 2, 1), ends
    stream = np.concatenate([part.reshape(groups, -1) for part in parts], axis=1)
    return as_words(stream).reshape(-1)


def quad_stream(packed: Array, bias: Array, factors: Array, taps: int) -> Array:
    """Weights, biases and factors of four channels at a time, as ``mve/hwk_tile_4x2.h`` has them:
    int32 words.

    ``packed`` is the rows layout in 8 bits, ``taps`` bytes of each row weights; ``bias`` (rows,)
    int32, ``factors`` (rows, 3) int32: multiplier, offset, right. Missing rows are zeros.

    Example: of 17 taps the first one lies by itself in 16 bytes.
    """
    quads, blocks = -(-len(bias) // 4), -(-taps // 16)
    rest = taps - 16 * (blocks - 1)
    rows = np.zeros((4 * quads, 16 * blocks), np.int8)
    rows[: len(bias), :rest] = packed[:, :rest]
    rows[: len(bias), 16:] = packed[:, rest:taps]
    tiles = rows.reshape(quads, 4, blocks, 16).transpose(0, 2, 1, 3).reshape(quads, -1)
    ends = np.zeros((4 * quads, 3), np.int64)
    ends[: len(bias)] = np.stack([bias.astype(np.int64), factors[:, 0], -factors[:, 2]], axis=1)
    words = as_words(ends.reshape(quads, 4, 3).transpose(0, 2, 1).reshape(quads, -1))
    return np.concatenate([np.ascontiguousarray(tiles).view(np.int32), words], axis=1).reshape(-1)


def winograd_rows(packed: Array, channels: int) -> Array:
    """Transformed weights of 3x3 kernels, as ``dsp/hwk_tile_winograd.h`` reads them: int32 words.

    ``packed`` is the rows layout in 8 bits, 9 * channels bytes a row, ``channels`` a multiple of 4.
    Of each two rows, of each of 16 positions, of each pair of channels (of four the first and
    third, then the second and fourth) a word of two 16-bit integers a row: 2G g (2G)^T. A missing
    row is zeros. Example: a kernel of nine ones gives 4 at position 0, 6 at 1, 9 at 5.
    """
    rows = packed.shape[0]
    kernels = np.zeros((-(-rows // 2) * 2, 3, 3, channels), np.int64)
    kernels[:rows] = packed.reshape(rows, 3, 3, channels)
    g = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int64)
    moved = np.einsum("ir,nrsc,js->nijc", g, kernels, g)
    words = channel_pairs(moved.reshape(-1, 2, 16, channels))
    return as_words(words.transpose(0, 2, 3, 1)).reshape(-1)


_WINOGRAD4 = np.array(
    [[6, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 6]], np.int64
)


def winograd4_stream(packed: Array, bias: Array, factors: Array) -> Array:
    """Transformed weights and factors of four channels at a time, as
    ``dsp/hwk_conv2d_s8_winograd4.h`` reads them: int32 words.

    ``packed`` is the rows layout in 8 bits of 3x3 kernels, (rows, 9 * channels), ``channels`` a
    multiple of 4; ``bias`` (rows,) int32 and ``factors`` (rows, 3) int32: multiplier, offset,
    right. Missing rows are zeros.

    Example: a kernel of nine ones gives 36 at position 0, 18 at 1, 9 at 7, 49 at 21.
    """
    return winograd4_words(packed, winograd4_factors(packed, bias, factors))


def winograd4_words(packed: Array, factors: Array) -> Array:
    """The transformed weights and ``factors`` (rows, n), int64, of four channels at a time."""
    rows, channels = packed.shape[0], packed.shape[1] // 9
    kernels = np.zeros((-(-rows // 4) * 4, 3, 3, channels), np.int64)
    kernels[:rows] = packed.reshape(rows, 3, 3, channels)
    moved = np.einsum("ir,nrsc,js->nijc", _WINOGRAD4, kernels, _WINOGRAD4)
    pairs = channel_pairs(moved.reshape(-1, 36, channels))
    words = pairs.reshape(-1, 4, 36 * channels // 2).transpose(0, 2, 1)
    ends = np.zeros((len(kernels), factors.shape[1]), np.int64)
    ends[:rows] = factors
    parts = [words.reshape(len(words), -1), ends.reshape(len(words), -1)]
    return as_words(np.concatenate(parts, axis=1)).reshape(-1)


def winograd4_rows(packed: Array, bias: Array, factors: Array) -> Array:
    """Each row's int8 weights and then its factors, as
    ``dsp/hwk_conv2d_s8_winograd4_small.h`` reads them; arguments as in ``winograd4_stream``.

    Example: a row of 36 bytes gives 9 words of these and 4 of factors.
    """
    words = np.ascontiguousarray(packed).view(np.int32)
    ends = as_words(winograd4_factors(packed, bias, factors))
    return np.concatenate([words, ends], axis=1).reshape(-1)


def winograd4_factors(packed: Array, bias: Array, factors: Array) -> Array:
    """The four words of each row that ``dsp/hwk_winograd4.h`` names, int64 (rows, 4).

    Example: a row of nine ones, bias 5 and factors 1, 2, 3 give 64 * (5 - 128 * 9), 1, 2, 3.
    """
    start = 64 * (bias.astype(np.int64) - 128 * packed.astype(np.int64).sum(axis=1))
    joined: Array = np.concatenate([start[:, None], factors.astype(np.int64)], axis=1)
    return joined


def channel_pairs(values: Array) -> Array:
    """Pairs of 16-bit integers along the last axis, of each four the first and third, then the
    second and fourth: int64 words.

    Example: 1 2 3 4 gives 0x30001, 0x40002.
    """
    fours = values.reshape(*values.shape[:-1], -1, 2, 2) & 0xFFFF
    pairs: Array = fours[..., 0, :] | fours[..., 1, :] << 16
    return pairs.reshape(*values.shape[:-1], -1)


def as_words(values: Array) -> Array:
    """Integers modulo 2**32 as int32. Example: 0xFFFFFFFF gives -1."""
    words: Array = (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return words


def pack_taps(weight: Array) -> Array:
    """Taps layout of depthwise weights (1, KH, KW, C): int8 bytes.

    Example: one channel with taps 1, 2 gives 1 0 2 0 0 0 0 0.
    """
    _, height, width, channels = weight.shape
    taps = height * width
    padded = np.zeros((taps + taps % 2, -(-channels // 4) * 4), np.int8)
    padded[:taps, :channels] = weight.reshape(taps, channels)
    # (pair, tap in pair, group, half, channel in half) to (group, pair, half, tap, channel)
    split = padded.reshape(-1, 2, padded.shape[1] // 4, 2, 2)
    return np.ascontiguousarray(split.transpose(2, 0, 3, 1, 4)).reshape(-1)


def tap_channels(packed: Array, channels: int, taps: int) -> Array:
    """Channels layout of depthwise weights, from their taps layout: int8 (channels, taps).

    Example: one channel with taps 1, 2, 3 in the taps layout gives 1 2 3.
    """
    # (group, pair, half, tap in pair, channel in half)
    pairs = packed.reshape(-1, -(-taps // 2), 2, 2, 2)
    by_channel = pairs.transpose(0, 2, 4, 1, 3).reshape(pairs.shape[0] * 4, -1)
    return np.ascontiguousarray(by_channel[:channels, :taps])


def tap_blocks(packed: Array, channels: int, taps: int) -> Array:
    """Blocks layout of depthwise weights, from their taps layout: int8 (blocks, taps, 16).

    Example: one channel with taps 1, 2 gives 1, fifteen zeros, 2, fifteen zeros.
    """
    padded = np.zeros((-(-channels // 16) * 16, taps), np.int8)
    padded[:channels] = tap_channels(packed, channels, taps)
    return np.ascontiguousarray(padded.reshape(-1, 16, taps).transpose(0, 2, 1))


def tap_columns(packed: Array, channels: int) -> Array:
    """Columns layout of 3x3 depthwise weights, from their taps layout: int8 bytes.

    Example: one channel with taps 1..9 by rows gives 1 4 4 7 2 5 5 8 3 6 6 9.
    """
    rows = tap_channels(packed, channels, 9).reshape(channels, 3, 3)[:, [0, 1, 1, 2]]
    return np.ascontiguousarray(rows.transpose(0, 2, 1)).reshape(-1)


def band_stream(packed: Array, bias: Array, factors: Array) -> Array:
    """Weights and factors of each channel as ``dsp/hwk_tile_bands.h`` reads them: int32 words.

    ``packed`` is the taps layout of 3x3 kernels, ``bias`` (channels,) int32 and ``factors``
    (channels, 3) int32: multiplier, offset, right.

    Example: a channel with bias 5 gives the 12 bytes of ``tap_columns``, then 10 and its factors.
    """
    weights = tap_columns(packed, len(bias)).view(np.int32).reshape(-1, 3)
    ends = as_words(np.concatenate([2 * bias.astype(np.int64)[:, None], factors], axis=1))
    return np.concatenate([weights, ends], axis=1).reshape(-1)


def block_stream(packed: Array, bias: Array, factors: Array, taps: int) -> Array:
    """Weights, biases and factors of sixteen channels at a time, as
    ``mve/hwk_depthwise_conv2d_s8_blocks.h`` has them: int32 words.

    ``packed`` is the taps layout, ``bias`` (channels,) int32, ``factors`` (channels, 3) int32:
    multiplier, offset, right. Missing channels are zeros.

    Example: of the biases that of channel 4 comes second, after that of channel 0.
    """
    channels, blocks = len(bias), -(-len(bias) // 16)
    tiles = tap_blocks(packed, channels, taps).reshape(blocks, -1)
    ends = np.zeros((16 * blocks, 3), np.int64)
    ends[:channels] = np.stack([bias.astype(np.int64), factors[:, 0], -factors[:, 2]], axis=1)
    words = as_words(ends.reshape(blocks, 4, 4, 3).transpose(0, 3, 2, 1).reshape(blocks, -1))
    return np.concatenate([np.ascontiguousarray(tiles).view(np.int32), words], axis=1).reshape(-1)


def wrapped_bias(rows: Array, bias: Array, zero_point: int) -> Array:
    """``folded_bias`` modulo 2**32, int32: the sum wraps back where it fits."""
    return as_words(folded_bias(rows, bias, zero_point))
