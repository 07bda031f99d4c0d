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

/* Two output rows at a stride of 1, the upper one y: four channels from c on. Of the output `row`
 * elements are a row. `part` is any part of these rows. */
HWK_INLINE void hwk_narrow_channels(const hwk_depthwise_conv2d_t *d, hwk_depthwise_conv2d_t *part,
                                    const int8_t *input, void *output, int32_t y, int32_t c,
                                    int32_t row, int32_t *band) {
  hwk_window_t *w = &part->window;
  int32_t outputs = w->channels * d->channel_multiplier, columns = hwk_part_columns(&d->window);
  uint32_t padding = (uint32_t)(uint8_t)d->input_zero_point * 0x01010101u;
  int32_t count = hwk_min(w->channels - c, 4), last = (c + count) * d->channel_multiplier;
  hwk_band_rest_t rest = {0, 0, 2 * (hwk_round_up(columns, 2) + 2)};
  int32_t *sums = band + 4 * rest.channel_words;
  for (int32_t x = 0; x < d->window.output_width; x += columns, rest.column = 2) {
    w->output_width = hwk_min(d->window.output_width - x, columns);
    w->padding_left = d->window.padding_left - x;
    if (x != 0) {
      hwk_narrow_move(band, rest.channel_words);
    }
    hwk_band_fill(w, input, 0, c, count, &rest, &padding, band);
    for (int32_t o = c * d->channel_multiplier; o < last; ++o) {
      hwk_tile_3x3_stride1(band + (o / d->channel_multiplier - c) * rest.channel_words,
                           (const int8_t *)d->weights + 12 * o, sums, sums + hwk_band_sums(w),
                           d->bias[o]);
      hwk_band_store(part, o, sums, output, y * row + x * outputs + o,
                     w->output_height > 1 ? row : 0);
    }
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s8_narrow(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                               void *output, void *scratch) {
  int32_t row = hwk_part_row(d), outputs = d->window.channels * d->channel_multiplier;
  int32_t *band = scratch;
  HWK_IN_REGISTER(band);
  if (d->window.stride_width == 1) {
    for (int32_t y = 0; y < d->window.output_height; y += 2) {
      hwk_depthwise_conv2d_t part = hwk_depthwise_part(d, y, 0);
      for (int32_t c = 0; c < d->window.channels; c += 4) {
        hwk_narrow_channels(d, &part, input, output, y, c, row, band);
      }
    }
    return;
  }
  HWK_FOR_PARTS(d, y, x) {
    hwk_depthwise_conv2d_t part = hwk_depthwise_part(d, y, x);
    hwk_depthwise_3x3_part(&part, input, output, y * row + x * outputs, row, scratch);
  }
}

#endif
