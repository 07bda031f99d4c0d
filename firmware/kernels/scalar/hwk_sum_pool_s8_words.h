/* Window sums as ref/hwk_sum_pool_s8.h, four channels at once: channels are a multiple of 4, windows of
 * at most 257 pixels. */
#ifndef HWK_SUM_POOL_S8_WORDS_H
#define HWK_SUM_POOL_S8_WORDS_H

#include <hwk_pool_words.h>
#include <hwk_store.h>

HWK_NO_SCRATCH(sum_pool_s8_words, sum_pool)

HWK_INLINE void hwk_sum_pool_s8_words(const hwk_sum_pool_t *d, const int8_t *input, void *output,
                                      void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_pool_range_t range = hwk_pool_words_range(w, y, x);
      int32_t offset = (128 + d->input_zero_point) * hwk_pool_count(range);
#pragma GCC unroll 1
      for (int32_t c = 0; c < w->channels; c += 4) {
        hwk_pool_sums_t sums = hwk_pool_words_of(w, input, range, c);
        for (int32_t n = 0; n < 4; ++n) {
          hwk_store(&d->rescale, output, index++, hwk_pool_word_sum(sums, n) - offset, c + n);
        }
      }
    }
  }
}

#endif
