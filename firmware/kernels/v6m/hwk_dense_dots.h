/* The matrix product's loops that the weight widths share: a row of weights by a widened row of the
 * input. */
#ifndef HWK_DENSE_DOTS_H
#define HWK_DENSE_DOTS_H

#include <hwk_dot.h>
#include <hwk_store.h>

/* `padded` features a row of 32-bit integers, `row_bytes` of weights. Behind the features the widened row holds whatever lay there: the weights that meet it are
 * zeros. */
HWK_INLINE void hwk_dense_dots(const hwk_dense_t *d, const int8_t *input, void *output,
                               void *scratch, int32_t padded, int32_t row_bytes, hwk_dot_t *dot) {
  int32_t *column = scratch;
  const int32_t *end = column + padded;
  int32_t index = 0;
  for (int32_t n = 0; n < d->rows; ++n) {
    for (int32_t k = 0; k < d->input_features; ++k) {
      column[k] = *input++;
    }
    const int8_t *row = d->weights;
    for (int32_t o = 0; o < d->output_features; ++o) {
      int32_t sum = dot(row, column, end, d->bias[o]);
      hwk_store(&d->rescale, output, index++, sum, o);
      row += row_bytes;
    }
  }
}

#endif
