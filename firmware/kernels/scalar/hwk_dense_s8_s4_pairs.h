/* Matrix product for cores without SIMD, packed 4-bit weights, two taps in one product.
 *
 * As hwk_dense_s8_pairs.h: u = w + 8 of eight weights lie in a word as rows in 4 bits have them
 * (hwk_weights.h), so that word >> 4 * k & 0x000f000f has those of taps 0 and 2, 4 and 6, 1 and 3, 5 and
 * 7 in its halves, k = 0 .. 3. Each meets the later input and 2^16 times the earlier one, the first of
 * them the whole word, whose upper parts the other three factors have less. Sums always fit.
 *
 * The stream of weights has of each group of rows (missing ones zeros) the bytes of the column, then of
 * each block of eight taps a word of each row. */
#ifndef HWK_DENSE_S8_S4_PAIRS_H
#define HWK_DENSE_S8_S4_PAIRS_H

#include <hwk_dense_pairs.h>
#include <hwk_tile_dense_s4.h>

/* Words of the column for eight taps: the factors, and what is added. */
#define HWK_DENSE_BLOCK_S4 5

HWK_INLINE size_t hwk_dense_s8_s4_pairs_scratch_bytes(const hwk_dense_t *d) {
  return 4 * HWK_DENSE_BLOCK_S4 * (size_t)(hwk_round_up(d->input_features, 8) / 8);
}

/* Eight taps of the column. */
HWK_INLINE void hwk_dense_block_s4(const int8_t *x, int32_t *to) {
  static const int8_t places[4] = {0, 4, 1, 5};
  uint32_t first = 0, sum = 0;
  for (int32_t k = 0; k < 4; ++k) {
    const int8_t *at = x + places[k];
    uint32_t both = (uint32_t)at[2] + ((uint32_t)at[0] << 16);
    first = k == 0 ? both : first;
    sum += both;
    to[k] = (int32_t)(k == 0 ? both : both - (first << 4 * k));
  }
  to[4] = (int32_t)((1u << 15) - 0x00080008u * sum);
}

HWK_NOINLINE void hwk_dense_column_s4(const int8_t *input, int32_t features, int32_t *to) {
#pragma GCC unroll 1
  for (; features >= 8; features -= 8, input += 8, to += HWK_DENSE_BLOCK_S4) {
    hwk_dense_block_s4(input, to);
  }
  if (features > 0) {
    int8_t rest[8] = {0};
#pragma GCC unroll 1
    for (int32_t k = 0; k < features; ++k) {
      rest[k] = input[k];
    }
    hwk_dense_block_s4(rest, to);
  }
}

HWK_INLINE void hwk_dense_s8_s4_pairs(const hwk_dense_t *d, const int8_t *input, void *output,
                                      void *scratch) {
  hwk_dense_pairs(d, input, output, scratch, hwk_dense_column_s4, hwk_dense_group_s4);
}

#endif
