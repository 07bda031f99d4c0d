/* Matrix product of 16-bit integers, int8 weights, sums that need more than 32 bits. */
#ifndef HWK_DENSE_S16_LONG_H
#define HWK_DENSE_S16_LONG_H

#include <hwk_rescale_long.h>

HWK_NO_SCRATCH(dense_s16_long, dense)

HWK_INLINE void hwk_dense_s16_long(const hwk_dense_t *d, const int16_t *input, void *output,
                                   void *scratch) {
  (void)scratch;
  int32_t index = 0;
  for (int32_t n = 0; n < d->rows; ++n, input += d->input_features) {
    const int8_t *row = d->weights;
    for (int32_t o = 0; o < d->output_features; ++o, row += hwk_row_bytes_s8(d->input_features)) {
      int64_t sum = 0;
      for (int32_t k = 0; k < d->input_features; ++k) {
        sum = hwk_mla_long(sum, input[k], row[k]);
      }
      hwk_store_long(&d->rescale, output, index++, sum, o);
    }
  }
}

#endif
