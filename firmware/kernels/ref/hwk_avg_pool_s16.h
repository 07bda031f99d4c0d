/* Average pooling of int16_t integers as TensorFlow Lite does it: the mean of what lies inside the
 * map, half away from zero. */
#ifndef HWK_AVG_POOL_S16_H
#define HWK_AVG_POOL_S16_H

#include <hwk_pool_range_s16.h>

HWK_NO_SCRATCH(avg_pool_s16, pool)

HWK_INLINE void hwk_avg_pool_s16(const hwk_pool_t *d, const int16_t *input, int16_t *output,
                                 void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      int32_t count = hwk_pool_count(range);
      for (int32_t c = 0; c < w->channels; ++c) {
        int32_t sum = hwk_pool_sum_s16(w, input, range, c);
        int32_t mean = (sum + (sum < 0 ? -(count / 2) : count / 2)) / count;
        *output++ = (int16_t)hwk_clamp(mean, d->low, d->high);
      }
    }
  }
}

#endif
