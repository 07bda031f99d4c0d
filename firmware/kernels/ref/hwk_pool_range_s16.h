/* Sums of the part of a pooling window that lies inside a map of int16_t integers. */
#ifndef HWK_POOL_RANGE_S16_H
#define HWK_POOL_RANGE_S16_H

#include <hwk_pool_range.h>

/* Of one channel, modulo 2^32. */
HWK_INLINE int32_t hwk_pool_sum_s16(const hwk_window_t *w, const int16_t *input,
                                    hwk_pool_range_t range, int32_t channel) {
  int32_t sum = 0;
  for (int32_t row = range.first_row; row < range.end_row; ++row) {
    const int16_t *pixel = input + row * w->input_width * w->channels + channel;
    for (int32_t column = range.first_column; column < range.end_column; ++column) {
      sum = hwk_wrapping_add(sum, pixel[column * w->channels]);
    }
  }
  return sum;
}

#endif
