/* Average pooling as TensorFlow Lite does it: the mean of what lies inside the map, half away
 * from zero. There is no vector division: each mean is divided by itself. */
#ifndef HWK_AVG_POOL_S8_H
#define HWK_AVG_POOL_S8_H

#include <hwk_pool_quad.h>

HWK_NO_SCRATCH(avg_pool_s8, pool)

HWK_INLINE void hwk_avg_pool_s8(const hwk_pool_t *d, const int8_t *input, int8_t *output,
                                void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      int32_t area = hwk_pool_count(range);
      for (int32_t c = 0; c < w->channels; c += HWK_QUAD) {
        int32_t count = hwk_min(w->channels - c, HWK_QUAD);
        int32_t sum[HWK_QUAD];
        vstrwq_s32(sum, hwk_pool_sum_quad(w, input, range, c, count, 0));
        for (int32_t j = 0; j < count; ++j) {
          int32_t mean = (sum[j] + (sum[j] < 0 ? -(area / 2) : area / 2)) / area;
          *output++ = (int8_t)hwk_clamp(mean, d->low, d->high);
        }
      }
    }
  }
}

#endif
