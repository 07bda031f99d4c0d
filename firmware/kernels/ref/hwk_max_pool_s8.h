/* Window maxima of what lies inside the map. */
#ifndef HWK_MAX_POOL_S8_H
#define HWK_MAX_POOL_S8_H

#include <hwk_pool_range.h>

HWK_NO_SCRATCH(max_pool_s8, pool)

HWK_INLINE void hwk_max_pool_s8(const hwk_pool_t *d, const int8_t *input, int8_t *output,
                                void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      for (int32_t c = 0; c < w->channels; ++c) {
        int32_t maximum = hwk_pool_maximum(w, input, range, c);
        *output++ = (int8_t)hwk_clamp(maximum, d->low, d->high);
      }
    }
  }
}

#endif
