/* Depthwise convolution, int8 weights, 3x3 at strides of 1 or 2: hwk_depthwise_3x3 in parts of a few
 * columns, whose bands take as many bytes on maps of any width.
 *
 * At a stride of 1 two output rows are computed four channels at a time, from left to right, and
 * the last columns of a part are the first ones of the next: none is read again, and the outputs may
 * lie where the map does. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_NARROW_H
#define HWK_DEPTHWISE_CONV2D_S8_NARROW_H

#include <hwk_depthwise_3x3.h>
#include <hwk_depthwise_part.h>

HWK_INLINE size_t hwk_depthwise_conv2d_s8_narrow_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  hwk_depthwise_conv2d_t part = hwk_depthwise_part(d, 0, 0);
  return hwk_depthwise_3x3_scratch_bytes(&part);
}

/* The last two columns of a part's bands become the first ones of the next part's. */
HWK_INLINE void hwk_narrow_move(int32_t *band, int32_t channel_words) {
  for (int32_t n = 0; n < 4; ++n, band += channel_words) {
    for (int32_t k = 0; k < 4; ++k) {
      band[k] = band[channel_words - 4 + k];
    }
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s8_narrow(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                               void *output, void *scratch) {
  int32_t row = hwk_part_row(d), outputs = d->window.channels * d->channel_multiplier;
  int32_t columns = hwk_part_columns(&d->window), channels = d->window.channels;
  int single = d->window.stride_width == 1;
  uint32_t padding = (uint32_t)(uint8_t)d->input_zero_point * 0x01010101u;
  hwk_depthwise_conv2d_t part = hwk_depthwise_part(d, 0, 0);
  hwk_band_rest_t rest = {0, 0, hwk_band_words(&part.window) * hwk_band_columns(&part.window)};
  int32_t *band = scratch;
  HWK_IN_REGISTER(band);
  for (int32_t y = 0; y < d->window.output_height; y += 2) {
    /* Channel by channel from left to right, or part by part all channels. */
    int32_t x = 0, c = 0;
    while (x < d->window.output_width && c < channels) {
      int32_t count = hwk_min(channels - c, 4);
      part = hwk_depthwise_part(d, y, x);
      rest.column = single && x != 0 ? 2 : 0;
      if (rest.column != 0) {
        hwk_narrow_move(band, rest.channel_words);
      }
      hwk_band_fill(&part.window, input, 0, c, count, &rest, &padding, band);
      hwk_band_compute(&part, c, count, band, rest.channel_words, band + 4 * rest.channel_words,
                       output, y * row + x * outputs, part.window.output_height > 1 ? row : 0);
      if (single) {
        x += columns;
        if (x >= d->window.output_width) {
          x = 0;
          c += 4;
        }
      } else {
        c += 4;
        if (c >= channels) {
          c = 0;
          x += columns;
        }
      }
    }
  }
}

#endif
