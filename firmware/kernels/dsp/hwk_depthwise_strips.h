/* Depthwise convolution, any window: strips of one channel, SMLAD over neighbouring columns.
 *
 * For each output row, four input channels at a time are widened into strips: for each kernel row
 * the columns of one channel as 16-bit integers, the padding in its place. A pair of columns lies
 * in a word; an output that starts at an odd column takes the same words with the weights moved
 * by one. A channel's weights and scale serve a whole row of outputs. */
#ifndef HWK_DEPTHWISE_STRIPS_H
#define HWK_DEPTHWISE_STRIPS_H

#include <hwk_channels.h>
#include <hwk_store.h>
#include <hwk_tile_1x6.h>

#define HWK_OUTPUTS_AT_ONCE 4
#define HWK_LONG_PAIRS 8 /* of a kernel that six outputs at once pay for */

/* Words that hold a kernel row, from an even or an odd column on. */
HWK_INLINE int32_t hwk_strip_pairs(const hwk_window_t *w) {
  return ((w->kernel_width - 1) * w->dilation_width + 1) / 2 + 1;
}

/* Words of a strip's row, for outputs in whole fours. */
HWK_INLINE int32_t hwk_strip_words(const hwk_window_t *w) {
  int32_t outputs = hwk_round_up(w->output_width, HWK_OUTPUTS_AT_ONCE);
  return (outputs - 1) * w->stride_width / 2 + hwk_strip_pairs(w);
}

/* Four channels' strips, and one channel's weights from even and from odd columns. */
HWK_INLINE size_t hwk_depthwise_strips_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return (size_t)(w->kernel_height * (4 * hwk_strip_words(w) + 2 * hwk_strip_pairs(w)) * 4);
}

/* Two columns of four channels: a word into each channel's strip. */
HWK_INLINE void hwk_strip_write(int32_t *strip, int32_t channel_words, uint32_t a, uint32_t b) {
  uint32_t low = hwk_low_halves(a, b), high = hwk_high_halves(a, b);
  strip[0] = hwk_even_pair(low);
  strip[channel_words] = hwk_odd_pair(low);
  strip[2 * channel_words] = hwk_even_pair(high);
  strip[3 * channel_words] = hwk_odd_pair(high);
}

/* Column `x` of a row of the map, or of the padding. */
HWK_INLINE uint32_t hwk_strip_column(const hwk_window_t *w, const int8_t *row, int32_t x,
                                     int32_t count, uint32_t padding) {
  return x < 0 || x >= w->input_width ? padding : hwk_load_channels(row + x * w->channels, count);
}

/* A kernel row of the four strips: hwk_strip_fill, or what reads others. `row` is the first of the
 * channels in the map's row, or NULL in the padding; column 0 of the strips is column -padding_left
 * of the map. */
typedef void hwk_strip_fill_t(const hwk_window_t *w, const int8_t *row, int32_t count,
                              int32_t zero_point, int32_t *strip, int32_t channel_words);

HWK_INLINE void hwk_strip_fill(const hwk_window_t *w, const int8_t *row, int32_t count,
                               int32_t zero_point, int32_t *strip, int32_t channel_words) {
  uint32_t padding = (uint32_t)(uint8_t)zero_point * 0x01010101u;
  int32_t words = hwk_strip_words(w);
  int32_t j = 0, x = -w->padding_left;
  int32_t outside = row == NULL ? words : hwk_min((w->padding_left + 1) / 2, words);
  for (; j < outside; ++j, x += 2) {
    uint32_t a = row == NULL ? padding : hwk_strip_column(w, row, x, count, padding);
    uint32_t b = row == NULL ? padding : hwk_strip_column(w, row, x + 1, count, padding);
    hwk_strip_write(strip + j, channel_words, a, b);
  }
  int32_t inside = hwk_min((w->padding_left + w->input_width) / 2, words);
  for (; j < inside; ++j, x += 2) {
    const int8_t *pixel = row + x * w->channels;
    hwk_strip_write(strip + j, channel_words, hwk_load_channels(pixel, count),
                    hwk_load_channels(pixel + w->channels, count));
  }
  for (; j < words; ++j, x += 2) {
    hwk_strip_write(strip + j, channel_words, hwk_strip_column(w, row, x, count, padding),
                    hwk_strip_column(w, row, x + 1, count, padding));
  }
}

/* The weight of output channel o under column `x` of kernel row r; 0 between and beside taps. */
HWK_INLINE int32_t hwk_strip_weight(const hwk_depthwise_conv2d_t *d, int32_t o, int32_t r,
                                    int32_t x) {
  const hwk_window_t *w = &d->window;
  int32_t c = x / w->dilation_width;
  if (x < 0 || x % w->dilation_width != 0 || c >= w->kernel_width) {
    return 0;
  }
  int32_t taps = w->kernel_height * w->kernel_width;
  return hwk_tap_weight_s8(d->weights, taps, r * w->kernel_width + c, o);
}

HWK_INLINE int32_t hwk_strip_pair(int32_t low, int32_t high) {
  return (int32_t)hwk_low_halves((uint32_t)low, (uint32_t)high);
}

/* Weights of output channel o, row by row: in turn a pair from an even and from an odd column. */
HWK_INLINE void hwk_strip_weights(const hwk_depthwise_conv2d_t *d, int32_t o, int32_t *pairs) {
  int32_t count = hwk_strip_pairs(&d->window);
  for (int32_t r = 0; r < d->window.kernel_height; ++r) {
    int32_t before = 0;
    for (int32_t p = 0; p < count; ++p) {
      int32_t first = hwk_strip_weight(d, o, r, 2 * p);
      int32_t second = hwk_strip_weight(d, o, r, 2 * p + 1);
      *pairs++ = hwk_strip_pair(first, second);
      *pairs++ = hwk_strip_pair(before, first);
      before = second;
    }
  }
}

/* Adds the products of four neighbouring outputs; the strip starts at the first one's column. */
HWK_INLINE void hwk_strip_tile(const hwk_window_t *w, const int32_t *strip, int32_t words,
                               const int32_t *pairs, int32_t sum[HWK_OUTPUTS_AT_ONCE]) {
  int32_t count = hwk_strip_pairs(w);
  for (int32_t r = 0; r < w->kernel_height; ++r, strip += words, pairs += 2 * count) {
    for (int32_t p = 0; p < count; ++p) {
      for (int32_t k = 0; k < HWK_OUTPUTS_AT_ONCE; ++k) {
        int32_t column = k * w->stride_width;
        sum[k] = hwk_mla_pair(sum[k], strip[column / 2 + p], pairs[2 * p + column % 2]);
      }
      HWK_KEEP_ORDER();
    }
  }
}

/* Output row y of one channel. Outputs that are not there may read up to a word past the strip,
 * where the next strip or the weights lie. Element `index` of the output is its first. */
HWK_INLINE void hwk_strip_row(const hwk_depthwise_conv2d_t *d, int32_t o, const int32_t *strip,
                              const int32_t *pairs, void *output, int32_t index) {
  const hwk_window_t *w = &d->window;
  int32_t outputs = w->channels * d->channel_multiplier;
  int32_t words = hwk_strip_words(w);
  hwk_channel_t scale = hwk_channel(&d->rescale, o);
  int32_t bias = d->bias[o];
  int32_t x = 0, count = hwk_strip_pairs(w);
  if (w->kernel_height == 1 && w->stride_width == 1 && count >= HWK_LONG_PAIRS) {
    for (; x + HWK_OUTPUTS_OF_A_ROW <= w->output_width; x += HWK_OUTPUTS_OF_A_ROW) {
      int32_t sum[HWK_OUTPUTS_OF_A_ROW] = {bias};
      hwk_strip_six(strip, pairs, sum, pairs + 2 * count);
      strip += HWK_OUTPUTS_OF_A_ROW / 2;
      for (int32_t k = 0; k < HWK_OUTPUTS_OF_A_ROW; ++k, index += outputs) {
        hwk_store_scaled(&d->rescale, &scale, output, index, sum[k]);
      }
    }
  }
  for (; x < w->output_width; x += HWK_OUTPUTS_AT_ONCE) {
    int32_t sum[HWK_OUTPUTS_AT_ONCE] = {bias, bias, bias, bias};
    hwk_strip_tile(w, strip, words, pairs, sum);
    strip += HWK_OUTPUTS_AT_ONCE / 2 * w->stride_width;
    for (int32_t k = 0; k < HWK_OUTPUTS_AT_ONCE; ++k, index += outputs) {
      if (x + k < w->output_width) {
        hwk_store_scaled(&d->rescale, &scale, output, index, sum[k]);
      }
    }
  }
}

/* `input` has integers of `size` bytes, which `fill` reads. */
HWK_INLINE void hwk_depthwise_strips_of(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                        int32_t size, void *output, void *scratch,
                                        hwk_strip_fill_t *fill) {
  const hwk_window_t *w = &d->window;
  int32_t words = hwk_strip_words(w), channel_words = w->kernel_height * words;
  int32_t *strips = scratch, *pairs = strips + 4 * channel_words;
  HWK_IN_REGISTER(strips);
  HWK_IN_REGISTER(pairs);
  int32_t outputs = w->channels * d->channel_multiplier;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t c = 0; c < w->channels; c += 4) {
      int32_t count = hwk_min(w->channels - c, 4);
      for (int32_t r = 0; r < w->kernel_height; ++r) {
        int32_t row = hwk_window_row(w, y, r);
        int inside = row >= 0 && row < w->input_height;
        int32_t first = row * w->input_width * w->channels + c;
        const int8_t *at = inside ? input + first * size : NULL;
        fill(w, at, count, d->input_zero_point, strips + r * words, channel_words);
      }
      int32_t last = (c + count) * d->channel_multiplier;
      for (int32_t o = c * d->channel_multiplier; o < last; ++o) {
        hwk_strip_weights(d, o, pairs);
        const int32_t *strip = strips + (o / d->channel_multiplier - c) * channel_words;
        hwk_strip_row(d, o, strip, pairs, output, y * w->output_width * outputs + o);
      }
    }
  }
}

HWK_INLINE void hwk_depthwise_strips(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                     void *output, void *scratch) {
  hwk_depthwise_strips_of(d, input, 1, output, scratch, hwk_strip_fill);
}

#endif
