/* The matrix product's loops that the weight widths share. */
#ifndef HWK_DENSE_ROWS_H
#define HWK_DENSE_ROWS_H

#include <hwk_store.h>

/* row_bytes(taps) and row_weight(row, k) say how a row of weights lies in memory. */
HWK_INLINE void hwk_dense_rows(const hwk_dense_t *d, const int8_t *input, void *output,
                               int32_t (*row_bytes)(int32_t),
                               int32_t (*row_weight)(const int8_t *, int32_t)) {
  int32_t index = 0;
  for (int32_t n = 0; n < d->rows; ++n) {
    for (int32_t o = 0; o < d->output_features; ++o) {
      const int8_t *row = (const int8_t *)d->weights + o * row_bytes(d->input_features);
      int32_t sum = d->bias[o];
      for (int32_t k = 0; k < d->input_features; ++k) {
        sum = hwk_mla(sum, input[n * d->input_features + k], row_weight(row, k));
      }
      hwk_store(&d->rescale, output, index++, sum, o);
    }
  }
}

#endif
