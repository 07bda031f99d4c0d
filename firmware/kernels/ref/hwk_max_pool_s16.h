/* Window maxima of int16_t integers, of what lies inside the map. */
#ifndef HWK_MAX_POOL_S16_H
#define HWK_MAX_POOL_S16_H

#include <hwk_pool_range.h>

HWK_NO_SCRATCH(max_pool_s16, pool)

HWK_INLINE void hwk_max_pool_s16(const hwk_pool_t *d, const int16_t *input, int16_t *output,
                                 void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      for (int32_t c = 0; c < w->channels; ++c) {
        int32_t maximum = INT16_MIN;
        for (int32_t row = range.first_row; row < range.end_row; ++row) {
          const int16_t *pixel = input + row * w->input_width * w->channels + c;
          for (int32_t column = range.first_column; column < range.end_column; ++column) {
            maximum = hwk_max(maximum, pixel[column * w->channels]);
          }
        }
        *output++ = (int16_t)hwk_clamp(maximum, d->low, d->high);
      }
    }
  }
}

#endif
