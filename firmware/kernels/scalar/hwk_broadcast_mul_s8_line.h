/* Product of two tensors, sizes of 1 repeated, with the rescale of hwk_stairs.h: of one line:
 * `rescale.multipliers` are the product that x = 0 stands for, last, multiplier, offset. */
#ifndef HWK_BROADCAST_MUL_S8_LINE_H
#define HWK_BROADCAST_MUL_S8_LINE_H

#include <hwk_stairs.h>
#include <hwk_walk.h>

HWK_NO_SCRATCH(broadcast_mul_s8_line, broadcast_mul)

HWK_INLINE void hwk_broadcast_mul_s8_line(const hwk_broadcast_mul_t *d, const int8_t *a,
                                          const int8_t *b, int8_t *output, void *scratch) {
  (void)scratch;
  const int32_t *factors = d->rescale.multipliers;
  hwk_row_t row = {{0, 0, 0}};
  int32_t first = factors[0];
  uint32_t last = (uint32_t)factors[1], multiplier = (uint32_t)factors[2];
  uint32_t offset = (uint32_t)factors[3];
#pragma GCC unroll 1
  for (int32_t r = hwk_rows(&d->extent); r > 0; --r) {
    const int8_t *x = a + hwk_row_start(&row, d->a_strides);
    const int8_t *y = b + hwk_row_start(&row, d->b_strides);
#pragma GCC unroll 1
    for (int32_t c = d->extent.sizes[3]; c > 0; --c) {
      int32_t product = (*x - d->zero_points[0]) * (*y - d->zero_points[1]);
      *output++ = hwk_stairs_byte(hwk_stairs_clamp(product - first, last), multiplier, offset);
      x += d->a_strides[3];
      y += d->b_strides[3];
    }
    hwk_next_row(&d->extent, &row);
  }
}

#endif
