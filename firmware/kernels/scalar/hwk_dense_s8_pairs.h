/* Matrix product for cores without SIMD, int8 weights, two taps in one product.
 *
 * Weights w0 .. w3 lie in a word as u = w + 128. With X = x2 + 2^16 * x0 and Z = x3 + 2^16 * x1 of the
 * inputs that they meet,
 *
 *   word * X + (word >> 8 & 0x00ff00ff) * (Z - 2^8 * X) = (u0 + 2^16 * u2) * X + (u1 + 2^16 * u3) * Z
 *                                     = u0 x2 + u1 x3 + 2^16 * (u0 x0 + u1 x1 + u2 x2 + u3 x3)
 *
 * modulo 2^32. 2^15 - 128 * (1 + 2^16) * (X + Z) more turns u into w and makes the lower half
 * positive, so that the upper one is the four taps' sum as long as this fits 16 bits: where the weights
 * add up to at most 255 in magnitude. In other blocks the taps of X and those of Z are summed apart.
 *
 * The stream of weights has of each group of rows (missing ones zeros) runs of blocks of four taps: the
 * bytes of the column under it, one less in the last run; of each block a word of each row; then, unless
 * it is the last run, a block that is summed apart. */
#ifndef HWK_DENSE_S8_PAIRS_H
#define HWK_DENSE_S8_PAIRS_H

#include <hwk_dense_pairs.h>
#include <hwk_tile_dense.h>

/* Words of the column for four taps: X, Z - 2^8 * X, and what is added. */
#define HWK_DENSE_BLOCK 3

HWK_INLINE size_t hwk_dense_s8_pairs_scratch_bytes(const hwk_dense_t *d) {
  return HWK_DENSE_BLOCK * (size_t)hwk_round_up(d->input_features, 4);
}

/* Four taps of the column. */
HWK_INLINE void hwk_dense_block(int32_t x0, int32_t x1, int32_t x2, int32_t x3, int32_t *to) {
  uint32_t first = (uint32_t)x2 + ((uint32_t)x0 << 16);
  uint32_t second = (uint32_t)x3 + ((uint32_t)x1 << 16);
  to[0] = (int32_t)first;
  to[1] = (int32_t)(second - (first << 8));
  to[2] = (int32_t)((1u << 15) - 0x00800080u * (first + second));
}

HWK_NOINLINE void hwk_dense_column(const int8_t *input, int32_t features, int32_t *to) {
#pragma GCC unroll 1
  for (; features >= 4; features -= 4, input += 4, to += HWK_DENSE_BLOCK) {
    hwk_dense_block(input[0], input[1], input[2], input[3], to);
  }
  if (features > 0) {
    hwk_dense_block(input[0], features > 1 ? input[1] : 0, features > 2 ? input[2] : 0, 0, to);
  }
}

HWK_INLINE void hwk_dense_s8_pairs(const hwk_dense_t *d, const int8_t *input, void *output,
                                   void *scratch) {
  hwk_dense_pairs(d, input, output, scratch, hwk_dense_column, hwk_dense_group);
}

#endif
