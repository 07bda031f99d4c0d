/* Matrix product, packed 4-bit weights: a row of weights by a widened row of the input. */
#ifndef HWK_DENSE_S8_S4_H
#define HWK_DENSE_S8_S4_H

#include <hwk_dense_dots.h>

/* A row of 32-bit integers. */
HWK_INLINE size_t hwk_dense_s8_s4_scratch_bytes(const hwk_dense_t *d) {
  return 4 * (size_t)hwk_round_up(d->input_features, 8);
}

HWK_INLINE void hwk_dense_s8_s4(const hwk_dense_t *d, const int8_t *input, void *output,
                                void *scratch) {
  int32_t padded = hwk_round_up(d->input_features, 8);
  int32_t row_bytes = hwk_row_bytes_s4(d->input_features);
  hwk_dense_dots(d, input, output, scratch, padded, row_bytes, hwk_dot_s4);
}

#endif
