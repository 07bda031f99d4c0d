/* Window sums of four channels at once. */
#ifndef HWK_POOL_QUAD_H
#define HWK_POOL_QUAD_H

#include <hwk_pool_range.h>
#include <hwk_rescale_quad.h>

/* Sums of channels c .. c + count - 1 over the range, each starting with `start`; count <= 4. */
HWK_INLINE int32x4_t hwk_pool_sum_quad(const hwk_window_t *w, const int8_t *input,
                                       hwk_pool_range_t range, int32_t c, int32_t count,
                                       int32_t start) {
  int32x4_t sum = vdupq_n_s32(start);
  for (int32_t row = range.first_row; row < range.end_row; ++row) {
    const int8_t *pixel = input + (row * w->input_width + range.first_column) * w->channels + c;
    for (int32_t k = range.first_column; k < range.end_column; ++k, pixel += w->channels) {
      sum = vaddq_s32(sum, hwk_load_quad_s8(pixel, count));
    }
  }
  return sum;
}

#endif
