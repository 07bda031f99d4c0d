/* Matrix product of 16-bit integers, int8 weights: four rows of weights by one column in pairs. */
#ifndef HWK_DENSE_S16_H
#define HWK_DENSE_S16_H

#include <hwk_dense_tiled.h>

HWK_INLINE size_t hwk_dense_s16_scratch_bytes(const hwk_dense_t *d) {
  return 2 * (size_t)hwk_round_up(d->input_features, 4);
}

/* Even and odd pair of four neighbouring integers. */
HWK_INLINE int32_t *hwk_pair_up_four(int32_t *column, const int16_t *four) {
  uint32_t first = hwk_load4(four), second = hwk_load4(four + 2);
  *column++ = (int32_t)hwk_low_halves(first, second);
  *column++ = (int32_t)hwk_high_halves(first, second);
  return column;
}

/* hwk_widen_row_t over int16_t integers. */
HWK_INLINE void hwk_pair_row_s16(const hwk_dense_t *d, const int8_t *bytes, int32_t n,
                                 int32_t *column, int32_t padded) {
  int32_t count = d->input_features, k = 0;
  const int16_t *row = (const int16_t *)(const void *)bytes + n * count;
  for (; k + 4 <= count; k += 4) {
    column = hwk_pair_up_four(column, row + k);
  }
  for (; k < padded; k += 4) {
    int16_t rest[4] = {0, 0, 0, 0};
    for (int32_t i = k; i < count; ++i) {
      rest[i - k] = row[i];
    }
    column = hwk_pair_up_four(column, rest);
  }
}

HWK_INLINE void hwk_dense_s16(const hwk_dense_t *d, const int16_t *input, void *output,
                              void *scratch) {
  int32_t padded = hwk_round_up(d->input_features, 4);
  const int8_t *bytes = (const void *)input;
  hwk_dense_tiled(d, bytes, output, scratch, padded, hwk_pair_row_s16, hwk_column_tile_s8);
}

#endif
