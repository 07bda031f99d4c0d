/* Product of two activations' matrices of 16-bit integers, loop by loop, for any width of sums. */
#ifndef HWK_MATMUL_16_H
#define HWK_MATMUL_16_H

#include <hwk_rescale_long.h>

/* hwk_matmul_<suffix>: sums in `sum_type`, which `store` rescales and writes as `stored`. A factor
 * has 17 bits, its zero point being subtracted. */
#define HWK_MATMUL_16(suffix, sum_type, stored, store)                                           \
  HWK_NO_SCRATCH(matmul_##suffix, matmul)                                                        \
  HWK_INLINE void hwk_matmul_##suffix(const hwk_matmul_t *d, const int16_t *a, const int16_t *b, \
                                      void *output, void *scratch) {                             \
    (void)scratch;                                                                               \
    int32_t index = 0;                                                                           \
    for (int32_t n = 0; n < d->batches; ++n, a += d->a_strides[0], b += d->b_strides[0]) {       \
      for (int32_t m = 0; m < d->rows; ++m) {                                                    \
        for (int32_t c = 0; c < d->columns; ++c) {                                               \
          const int16_t *x = a + m * d->a_strides[1], *y = b + c * d->b_strides[1];              \
          sum_type sum = 0;                                                                      \
          for (int32_t k = 0; k < d->inner; ++k) {                                               \
            sum += (sum_type)(x[k * d->a_strides[2]] - d->zero_points[0]) *                      \
                   (sum_type)(y[k * d->b_strides[2]] - d->zero_points[1]);                       \
          }                                                                                      \
          store(&d->rescale, output, index++, (stored)sum, c);                                   \
        }                                                                                        \
      }                                                                                          \
    }                                                                                            \
  }

#endif
