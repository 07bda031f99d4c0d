/* Window sums of int32_t integers; they fit 32 bits. */
#ifndef HWK_SUM_POOL_S32_H
#define HWK_SUM_POOL_S32_H

#include <hwk_pool_range.h>
#include <hwk_store.h>

HWK_NO_SCRATCH(sum_pool_s32, sum_pool)

HWK_INLINE void hwk_sum_pool_s32(const hwk_sum_pool_t *d, const int32_t *input, void *output,
                                 void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      for (int32_t c = 0; c < w->channels; ++c) {
        int32_t sum = 0;
        for (int32_t row = range.first_row; row < range.end_row; ++row) {
          const int32_t *pixel = input + row * w->input_width * w->channels + c;
          for (int32_t column = range.first_column; column < range.end_column; ++column) {
            int32_t centred = hwk_wrapping_add(pixel[column * w->channels], -d->input_zero_point);
            sum = hwk_wrapping_add(sum, centred);
          }
        }
        hwk_store(&d->rescale, output, index++, sum, c);
      }
    }
  }
}

#endif
