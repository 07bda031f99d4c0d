/* Layouts of weights in flash.
 *
 * rows, s8   each row in order, padded with zeros to a multiple of 4 bytes.
 * rows, s4   two's complement nibbles, -8 .. 7. A row is padded with zeros to a multiple of 8
 *            weights; of each 8, byte j (0..3) holds weight j in its low and weight j + 4 in
 *            its high nibble. So one 32-bit word splits into two words of four bytes each.
 *            Variants that multiply several rows at once want them in groups: of each row in turn
 *            a word of four bytes, missing rows zeros (hwkit/targets/mcu/layouts.py).
 * taps, s8   for depthwise: channels in groups of 4, taps in pairs (a, b), both padded with
 *            zeros. A pair of a group is 8 bytes: a0 a1 b0 b1 a2 a3 b2 b3, so that SXTB16 of a
 *            word, and of the word rotated by 8, are (a, b) of one channel each.
 * columns, s8 for depthwise 3x3 where a variant says so: a channel's kernel columns in turn, with
 *            the weights a, b, c of a column as the bytes a b b c.
 * channels, s8 for depthwise where a variant says so: a channel's taps in turn, without gaps.
 * blocks, s8 for depthwise where a variant says so: sixteen channels at a time, padded with zeros,
 *            of each tap in turn.
 *
 * by tap, s8 where a variant says so: all channels' weights of a tap in turn, without gaps.
 *
 * Weights of fewer bits for which a variant has no kernel are any of these, packed: hwk_packing.h.
 *
 * All start at a multiple of 4 bytes.
 */
#ifndef HWK_WEIGHTS_H
#define HWK_WEIGHTS_H

#include "hwk_kernel.h"

/* Bytes of a row of `taps` weights. */
HWK_INLINE int32_t hwk_row_bytes_s8(int32_t taps) { return hwk_round_up(taps, 4); }
HWK_INLINE int32_t hwk_row_bytes_s4(int32_t taps) { return hwk_round_up(taps, 8) / 2; }

/* Weight k of a row. */
HWK_INLINE int32_t hwk_row_weight_s8(const int8_t *row, int32_t k) { return row[k]; }
HWK_INLINE int32_t hwk_row_weight_s4(const int8_t *row, int32_t k) {
  int32_t byte = row[k / 8 * 4 + k % 4];
  int32_t nibble = (k % 8 < 4 ? byte : byte >> 4) & 15;
  return nibble < 8 ? nibble : nibble - 16;
}

/* Weight of tap t, channel c, of `taps` taps, in the taps layout. */
HWK_INLINE int32_t hwk_tap_weight_s8(const int8_t *weights, int32_t taps, int32_t t, int32_t c) {
  int32_t pair = c / 4 * ((taps + 1) / 2) + t / 2;
  return weights[pair * 8 + c % 4 / 2 * 4 + t % 2 * 2 + c % 2];
}

#endif
