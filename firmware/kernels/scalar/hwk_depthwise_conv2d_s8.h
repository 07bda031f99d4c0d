/* Depthwise convolution, int8 weights, for cores without SIMD: a tap of two output rows and two
 * columns at once.
 *
 * For each two output rows, one channel at a time is widened into strips: for each kernel row the
 * input rows under the upper and the lower output, side by side, a column after the other, the
 * padding in its place. So the four integers that a tap multiplies lie together. At larger strides
 * the columns of a strip lie in phases: first those that the first of `stride_width` taps meets. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_H
#define HWK_DEPTHWISE_CONV2D_S8_H

#include <hwk_store.h>
#include <hwk_taps_2x2.h>
#include <hwk_window.h>

HWK_INLINE int32_t hwk_depthwise_taps(const hwk_window_t *w) {
  return w->kernel_height * w->kernel_width;
}

/* Columns of a phase. */
HWK_INLINE int32_t hwk_phase_columns(const hwk_window_t *w) {
  int32_t outputs = hwk_round_up(w->output_width, 2);
  return outputs + (w->kernel_width - 1) * w->dilation_width / w->stride_width;
}

/* Words of the strips of one channel. */
HWK_INLINE int32_t hwk_strips_words(const hwk_window_t *w) {
  return 2 * w->kernel_height * w->stride_width * hwk_phase_columns(w);
}

/* Sums of two output rows, in whole pairs of columns. */
HWK_INLINE int32_t hwk_strips_sums(const hwk_window_t *w) {
  return 2 * hwk_round_up(w->output_width, 2);
}

/* Strips and sums of one channel, and its taps. */
HWK_INLINE size_t hwk_depthwise_conv2d_s8_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  int32_t taps = hwk_round_up(hwk_depthwise_taps(w), HWK_TAPS_AT_ONCE);
  return (size_t)(4 * (hwk_strips_words(w) + hwk_strips_sums(w)) + 8 * taps);
}

/* A row of the map, or of the padding: where the next column is, and how far it is from there to
 * the one after that. */
typedef struct {
  const int8_t *at;
  int32_t step;
} hwk_strip_row_t;

HWK_INLINE hwk_strip_row_t hwk_strip_row(const hwk_window_t *w, const int8_t *input, int32_t row,
                                         int32_t column, const int8_t *padding) {
  int inside = row >= 0 && row < w->input_height;
  hwk_strip_row_t outside = {padding, 0};
  hwk_strip_row_t map = {input + (row * w->input_width + column) * w->channels,
                         w->stride_width * w->channels};
  return inside ? map : outside;
}

/* `count` columns of padding; returns their end. */
HWK_INLINE int32_t *hwk_strip_pad(int32_t *strip, int32_t count, int32_t value) {
  for (; count > 0; --count, strip += 2) {
    strip[0] = value;
    strip[1] = value;
  }
  return strip;
}

/* The strip of kernel row r and of one phase, for output rows y and y + 1; returns its end. `input`
 * is the first integer of the channel. */
HWK_INLINE int32_t *hwk_strip_fill(const hwk_window_t *w, const int8_t *input, int32_t y,
                                   int32_t r, int32_t phase, const int8_t *padding,
                                   int32_t *strip) {
  int32_t columns = hwk_phase_columns(w), stride = w->stride_width;
  int32_t before = hwk_max(w->padding_left - phase, 0);
  int32_t first = hwk_min((before + stride - 1) / stride, columns);
  int32_t behind = hwk_max(w->input_width + w->padding_left - phase, 0);
  int32_t end = hwk_max(hwk_min((behind + stride - 1) / stride, columns), first);
  int32_t column = first * stride + phase - w->padding_left;
  hwk_strip_row_t upper =
      hwk_strip_row(w, input, hwk_window_row(w, y, r), column, padding);
  hwk_strip_row_t lower =
      hwk_strip_row(w, input, hwk_window_row(w, y + 1, r), column, padding);
  strip = hwk_strip_pad(strip, first, *padding);
  for (int32_t *last = strip + 2 * (end - first); strip != last; strip += 2) {
    strip[0] = *upper.at;
    strip[1] = *lower.at;
    upper.at += upper.step;
    lower.at += lower.step;
  }
  return hwk_strip_pad(strip, columns - end, *padding);
}

/* Where each tap's integers lie in the strips; as many taps of weight zero as fill the last step. */
HWK_INLINE void hwk_taps_place(const hwk_window_t *w, hwk_tap_t *taps) {
  int32_t columns = hwk_phase_columns(w), t = 0;
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c, ++t) {
      int32_t column = c * w->dilation_width;
      int32_t phase = r * w->stride_width + column % w->stride_width;
      taps[t].offset = 8 * (phase * columns + column / w->stride_width);
    }
  }
  for (; t % HWK_TAPS_AT_ONCE != 0; ++t) {
    taps[t].offset = 0;
    taps[t].weight = 0;
  }
}

/* Rescales and writes the sums of two output rows of one channel. Element `index` of the output is
 * the first of the upper row, `below` elements before the first of the lower one. Where there is
 * no lower row it is written first and then written over. */
HWK_INLINE void hwk_strips_store(const hwk_depthwise_conv2d_t *d, int32_t o, const int32_t *sums,
                                 void *output, int32_t index, int32_t below) {
  int32_t outputs = d->window.channels * d->channel_multiplier;
  hwk_channel_t scale = hwk_channel(&d->rescale, o);
  for (int32_t x = 0; x < d->window.output_width; ++x, sums += 2, index += outputs) {
    hwk_store_scaled(&d->rescale, &scale, output, index + below, sums[1]);
    hwk_store_scaled(&d->rescale, &scale, output, index, sums[0]);
  }
}

/* Weights lie channel by channel (hwk_weights.h). */
HWK_INLINE void hwk_depthwise_conv2d_s8(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                        void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t count = hwk_depthwise_taps(w);
  int32_t *strips = scratch, *sums = strips + hwk_strips_words(w);
  int32_t *sums_end = sums + hwk_strips_sums(w);
  hwk_tap_t *taps = (hwk_tap_t *)sums_end;
  const hwk_tap_t *end = taps + hwk_round_up(count, HWK_TAPS_AT_ONCE);
  int32_t outputs = w->channels * d->channel_multiplier, row = w->output_width * outputs;
  int8_t padding = (int8_t)d->input_zero_point;
  hwk_taps_place(w, taps);
  for (int32_t y = 0; y < w->output_height; y += 2) {
    int32_t below = y + 1 < w->output_height ? row : 0, o = 0;
    const int8_t *weight = d->weights;
    for (int32_t c = 0; c < w->channels; ++c) {
      int32_t *strip = strips;
      for (int32_t r = 0; r < w->kernel_height; ++r) {
        for (int32_t phase = 0; phase < w->stride_width; ++phase) {
          strip = hwk_strip_fill(w, input + c, y, r, phase, &padding, strip);
        }
      }
      for (int32_t last = o + d->channel_multiplier; o < last; ++o) {
        for (int32_t t = 0; t < count; ++t) {
          taps[t].weight = *weight++;
        }
        hwk_taps_2x2(taps, strips, end, sums, sums_end, d->bias[o]);
        hwk_strips_store(d, o, sums, output, y * row + o, below);
      }
    }
  }
}

#endif
