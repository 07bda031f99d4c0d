/* Average pooling as ref/hwk_avg_pool_s8.h, four channels at once: channels are a multiple of 4,
 * windows of at most 257 pixels. */
#ifndef HWK_AVG_POOL_S8_WORDS_H
#define HWK_AVG_POOL_S8_WORDS_H

#include <hwk_pool_words.h>

HWK_NO_SCRATCH(avg_pool_s8_words, pool)

/* sum / count, half away from zero, |sum| <= 128 * count, count <= 257, part = 65536 / count: the product
 * is at most one too small. */
HWK_INLINE int32_t hwk_pool_mean(int32_t sum, int32_t count, int32_t part) {
  int32_t sign = sum >> 31, above = (sum ^ sign) - sign + count / 2;
  int32_t mean = (int32_t)((uint32_t)above * (uint32_t)part >> 16);
  mean += above - mean * count >= count;
  return (mean ^ sign) - sign;
}

HWK_INLINE void hwk_avg_pool_s8_words(const hwk_pool_t *d, const int8_t *input, int8_t *output,
                                      void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_pool_range_t range = hwk_pool_words_range(w, y, x);
      int32_t count = hwk_pool_count(range), part = 65536 / count;
#pragma GCC unroll 1
      for (int32_t c = 0; c < w->channels; c += 4) {
        hwk_pool_sums_t sums = hwk_pool_words_of(w, input, range, c);
        for (int32_t n = 0; n < 4; ++n) {
          int32_t sum = hwk_pool_word_sum(sums, n) - 128 * count;
          *output++ = (int8_t)hwk_clamp(hwk_pool_mean(sum, count, part), d->low, d->high);
        }
      }
    }
  }
}

#endif
