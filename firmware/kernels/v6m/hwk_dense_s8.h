/* Matrix product, int8 weights: a row of weights by a widened row of the input. */
#ifndef HWK_DENSE_S8_H
#define HWK_DENSE_S8_H

#include <hwk_dot.h>
#include <hwk_store.h>

/* A row of 32-bit integers. */
HWK_INLINE size_t hwk_dense_s8_scratch_bytes(const hwk_dense_t *d) {
  return 4 * (size_t)hwk_round_up(d->input_features, 4);
}

/* Behind the features the widened row holds whatever lay there: the weights that meet it are
 * zeros. */
HWK_INLINE void hwk_dense_s8(const hwk_dense_t *d, const int8_t *input, void *output,
                             void *scratch) {
  int32_t *column = scratch;
  const int32_t *end = column + hwk_round_up(d->input_features, 4);
  int32_t index = 0;
  for (int32_t n = 0; n < d->rows; ++n) {
    for (int32_t k = 0; k < d->input_features; ++k) {
      column[k] = *input++;
    }
    const int8_t *row = d->weights;
    for (int32_t o = 0; o < d->output_features; ++o) {
      int32_t sum = hwk_dot(row, column, end, d->bias[o]);
      hwk_store(&d->rescale, output, index++, sum, o);
      row += hwk_row_bytes_s8(d->input_features);
    }
  }
}

#endif
