/* Window sums of int16_t integers; they fit 32 bits. */
#ifndef HWK_SUM_POOL_S16_H
#define HWK_SUM_POOL_S16_H

#include <hwk_pool_range_s16.h>
#include <hwk_store.h>

HWK_NO_SCRATCH(sum_pool_s16, sum_pool)

HWK_INLINE void hwk_sum_pool_s16(const hwk_sum_pool_t *d, const int16_t *input, void *output,
                                 void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      uint32_t offset = (uint32_t)d->input_zero_point * (uint32_t)hwk_pool_count(range);
      for (int32_t c = 0; c < w->channels; ++c) {
        uint32_t sum = (uint32_t)hwk_pool_sum_s16(w, input, range, c) - offset;
        hwk_store(&d->rescale, output, index++, (int32_t)sum, c);
      }
    }
  }
}

#endif
