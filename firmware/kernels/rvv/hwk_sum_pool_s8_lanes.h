/* Window sums; with a rescale that divides by the window, average pooling. */
#ifndef HWK_SUM_POOL_S8_LANES_H
#define HWK_SUM_POOL_S8_LANES_H

#include <hwk_pool_sums.h>

HWK_NO_SCRATCH(sum_pool_s8_lanes, sum_pool)

HWK_INLINE void hwk_sum_pool_s8_lanes(const hwk_sum_pool_t *d, const int8_t *input, void *output,
                                      void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, index += w->channels) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      int32_t start = -d->input_zero_point * hwk_pool_count(range);
      for (int32_t c = 0; c < w->channels;) {
        size_t lanes = hwk_lanes_of(w->channels - c);
        vint32m4_t sum = hwk_pool_sums(w, input, range, c, start, lanes);
        hwk_store_vector(&d->rescale, output, index + c, sum, c, lanes);
        c += (int32_t)lanes;
      }
    }
  }
}

#endif
