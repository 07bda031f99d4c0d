/* Product of two activations' matrices of 16-bit integers: the definition, loop by loop. */
#ifndef HWK_MATMUL_S16_H
#define HWK_MATMUL_S16_H

#include <hwk_store.h>

HWK_NO_SCRATCH(matmul_s16, matmul)

HWK_INLINE void hwk_matmul_s16(const hwk_matmul_t *d, const int16_t *a, const int16_t *b,
                               void *output, void *scratch) {
  (void)scratch;
  int32_t index = 0;
  for (int32_t n = 0; n < d->batches; ++n, a += d->a_strides[0], b += d->b_strides[0]) {
    for (int32_t m = 0; m < d->rows; ++m) {
      for (int32_t c = 0; c < d->columns; ++c) {
        const int16_t *x = a + m * d->a_strides[1], *y = b + c * d->b_strides[1];
        uint32_t sum = 0; /* modulo 2^32, as in hwk_mla: a difference has 17 bits */
        for (int32_t k = 0; k < d->inner; ++k) {
          sum += (uint32_t)(x[k * d->a_strides[2]] - d->zero_points[0]) *
                 (uint32_t)(y[k * d->b_strides[2]] - d->zero_points[1]);
        }
        hwk_store(&d->rescale, output, index++, (int32_t)sum, c);
      }
    }
  }
}

#endif
