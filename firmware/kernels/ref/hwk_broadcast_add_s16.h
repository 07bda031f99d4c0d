/* Sum or difference of two tensors of int16_t integers, sizes of 1 repeated, each brought to a common scale first. */
#ifndef HWK_BROADCAST_ADD_S16_H
#define HWK_BROADCAST_ADD_S16_H

#include <hwk_store.h>
#include <hwk_walk.h>

HWK_NO_SCRATCH(broadcast_add_s16, broadcast_add)

HWK_INLINE void hwk_broadcast_add_s16(const hwk_broadcast_add_t *d, const int16_t *a,
                                      const int16_t *b, void *output, void *scratch) {
  (void)scratch;
  hwk_row_t row = {{0, 0, 0}};
  int32_t channels = d->extent.sizes[3];
  for (int32_t r = 0; r < hwk_rows(&d->extent); ++r) {
    const int16_t *x = a + hwk_row_start(&row, d->a_strides);
    const int16_t *y = b + hwk_row_start(&row, d->b_strides);
    for (int32_t c = 0; c < channels; ++c) {
      int32_t first = hwk_rescale(&d->input_rescales[0], *x - d->zero_points[0], c);
      int32_t second = hwk_rescale(&d->input_rescales[1], *y - d->zero_points[1], c);
      uint32_t term = (uint32_t)second;
      int32_t sum = hwk_wrapping_add(first, (int32_t)(d->subtract ? 0u - term : term));
      hwk_store(&d->rescale, output, r * channels + c, sum, c);
      x += d->a_strides[3];
      y += d->b_strides[3];
    }
    hwk_next_row(&d->extent, &row);
  }
}

#endif
