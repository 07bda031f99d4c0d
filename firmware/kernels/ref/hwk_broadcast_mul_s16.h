/* Product of two tensors of int16_t integers, sizes of 1 repeated. */
#ifndef HWK_BROADCAST_MUL_S16_H
#define HWK_BROADCAST_MUL_S16_H

#include <hwk_store.h>
#include <hwk_walk.h>

HWK_NO_SCRATCH(broadcast_mul_s16, broadcast_mul)

HWK_INLINE void hwk_broadcast_mul_s16(const hwk_broadcast_mul_t *d, const int16_t *a,
                                      const int16_t *b, void *output, void *scratch) {
  (void)scratch;
  hwk_row_t row = {{0, 0, 0}};
  int32_t channels = d->extent.sizes[3];
  for (int32_t r = 0; r < hwk_rows(&d->extent); ++r) {
    const int16_t *x = a + hwk_row_start(&row, d->a_strides);
    const int16_t *y = b + hwk_row_start(&row, d->b_strides);
    for (int32_t c = 0; c < channels; ++c) {
      /* Modulo 2^32, as a graph's products fit 32 bits. */
      uint32_t first = (uint32_t)(*x - d->zero_points[0]);
      uint32_t second = (uint32_t)(*y - d->zero_points[1]);
      hwk_store(&d->rescale, output, r * channels + c, (int32_t)(first * second), c);
      x += d->a_strides[3];
      y += d->b_strides[3];
    }
    hwk_next_row(&d->extent, &row);
  }
}

#endif
