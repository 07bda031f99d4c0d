/* Product of two activations' matrices of 16-bit integers, sums that need more than 32 bits. */
#ifndef HWK_MATMUL_S16_LONG_H
#define HWK_MATMUL_S16_LONG_H

#include <hwk_rescale_long.h>

HWK_NO_SCRATCH(matmul_s16_long, matmul)

HWK_INLINE void hwk_matmul_s16_long(const hwk_matmul_t *d, const int16_t *a, const int16_t *b,
                                    void *output, void *scratch) {
  (void)scratch;
  int32_t index = 0;
  for (int32_t n = 0; n < d->batches; ++n, a += d->a_strides[0], b += d->b_strides[0]) {
    for (int32_t m = 0; m < d->rows; ++m) {
      for (int32_t c = 0; c < d->columns; ++c) {
        const int16_t *x = a + m * d->a_strides[1], *y = b + c * d->b_strides[1];
        int64_t sum = 0;
        for (int32_t k = 0; k < d->inner; ++k) {
          sum += (int64_t)(x[k * d->a_strides[2]] - d->zero_points[0]) *
                 (y[k * d->b_strides[2]] - d->zero_points[1]);
        }
        hwk_store_long(&d->rescale, output, index++, sum, c);
      }
    }
  }
}

#endif
