/* Depthwise convolution of 16-bit integers, int8 weights: strips as for int8, which are pairs of
 * 16-bit integers there as well. */
#ifndef HWK_DEPTHWISE_CONV2D_S16_H
#define HWK_DEPTHWISE_CONV2D_S16_H

#include <hwk_depthwise_strips.h>

HWK_INLINE size_t hwk_depthwise_conv2d_s16_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return hwk_depthwise_strips_scratch_bytes(d);
}

/* Channel c of column `x` of a row of the map, or of the padding. */
HWK_INLINE int32_t hwk_strip_integer_s16(const hwk_window_t *w, const int16_t *row, int32_t x,
                                         int32_t c, int32_t zero_point) {
  int inside = row != NULL && x >= 0 && x < w->input_width;
  return inside ? row[x * w->channels + c] : zero_point;
}

/* hwk_strip_fill_t over int16_t integers. */
HWK_INLINE void hwk_strip_fill_s16(const hwk_window_t *w, const int8_t *bytes, int32_t count,
                                   int32_t zero_point, int32_t *strip, int32_t channel_words) {
  const int16_t *row = (const void *)bytes;
  int32_t words = hwk_strip_words(w);
  for (int32_t c = 0; c < count; ++c, strip += channel_words) {
    int32_t x = -w->padding_left;
    for (int32_t j = 0; j < words; ++j, x += 2) {
      if (row != NULL && x >= 0 && x + 1 < w->input_width) {
        const int16_t *pixel = row + x * w->channels + c;
        strip[j] = hwk_strip_pair(pixel[0], pixel[w->channels]);
      } else {
        strip[j] = hwk_strip_pair(hwk_strip_integer_s16(w, row, x, c, zero_point),
                                  hwk_strip_integer_s16(w, row, x + 1, c, zero_point));
      }
    }
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s16(const hwk_depthwise_conv2d_t *d, const int16_t *input,
                                         void *output, void *scratch) {
  const int8_t *bytes = (const void *)input;
  hwk_depthwise_strips_of(d, bytes, sizeof *input, output, scratch, hwk_strip_fill_s16);
}

#endif
