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

/* A strip of one kernel row and phase: the word for its first column inside the map, how many words
 * such columns take, and where the first one lies in the input; negative for a row of padding. */
typedef struct {
  int32_t first;
  int32_t words;
  int32_t upper;
  int32_t lower;
} hwk_strip_t;

HWK_INLINE int32_t hwk_strips_count(const hwk_window_t *w) {
  return w->kernel_height * w->stride_width;
}

/* Strips and sums of one channel, its taps, and what the strips are. */
HWK_INLINE size_t hwk_depthwise_conv2d_s8_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  int32_t taps = hwk_round_up(hwk_depthwise_taps(w), HWK_TAPS_AT_ONCE);
  int32_t words = hwk_strips_words(w) + hwk_strips_sums(w) + 2 * taps;
  return (size_t)(4 * words + 16 * hwk_strips_count(w));
}

/* Where a pixel lies in the input; negative in the padding. */
HWK_INLINE int32_t hwk_strip_from(const hwk_window_t *w, int32_t row, int32_t column) {
  int inside = row >= 0 && row < w->input_height;
  return inside ? (row * w->input_width + column) * w->channels : -1;
}

/* The strip of kernel row r and of one phase, for output rows y and y + 1. */
HWK_INLINE hwk_strip_t hwk_strip(const hwk_window_t *w, int32_t y, int32_t r, int32_t phase) {
  int32_t columns = hwk_phase_columns(w), stride = w->stride_width;
  int32_t before = hwk_max(w->padding_left - phase, 0);
  int32_t behind = hwk_max(w->padding_left + w->input_width - phase, 0);
  int32_t first = hwk_min((before + stride - 1) / stride, columns);
  int32_t end = hwk_min((behind + stride - 1) / stride, columns);
  int32_t column = first * stride + phase - w->padding_left;
  hwk_strip_t strip = {
      .first = 2 * ((r * stride + phase) * columns + first),
      .words = 2 * hwk_max(end - first, 0),
      .upper = hwk_strip_from(w, hwk_window_row(w, y, r), column),
      .lower = hwk_strip_from(w, hwk_window_row(w, y + 1, r), column),
  };
  return strip;
}

/* All strips of a band of two output rows, every column holding padding. */
HWK_INLINE void hwk_strips_start(const hwk_depthwise_conv2d_t *d, int32_t y, int32_t *words,
                                 hwk_strip_t *strips) {
  const hwk_window_t *w = &d->window;
  for (int32_t k = 0; k < hwk_strips_words(w); ++k) {
    words[k] = d->input_zero_point;
  }
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t phase = 0; phase < w->stride_width; ++phase) {
      *strips++ = hwk_strip(w, y, r, phase);
    }
  }
}

/* Widens a channel, the first of which is `input`. Padding stays as it is: it is the same in all
 * channels. */
HWK_INLINE void hwk_strips_fill(const hwk_window_t *w, const hwk_strip_t *strip,
                                const int8_t *input, int32_t *words) {
  int32_t step = w->stride_width * w->channels;
  for (const hwk_strip_t *last = strip + hwk_strips_count(w); strip != last; ++strip) {
    int32_t *to = words + strip->first, *end = to + strip->words;
    if (strip->upper >= 0 && strip->lower >= 0 && to != end) {
      hwk_widen_rows(input + strip->upper, input + strip->lower, to, end, step);
    } else if (strip->upper >= 0 || strip->lower >= 0) {
      int32_t place = strip->upper < 0;
      const int8_t *row = input + (place == 0 ? strip->upper : strip->lower);
#pragma GCC unroll 1
      for (; to != end; to += 2, row += step) {
        to[place] = *row;
      }
    }
  }
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

/* Of an output whose rows have `row` elements the part from element `first` on. Weights lie channel by
 * channel (hwk_weights.h). */
HWK_INLINE void hwk_depthwise_strips_part(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                          void *output, int32_t first, int32_t row, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t count = hwk_depthwise_taps(w);
  hwk_strip_t *strips = scratch;
  int32_t *words = (int32_t *)(strips + hwk_strips_count(w));
  int32_t *sums = words + hwk_strips_words(w), *sums_end = sums + hwk_strips_sums(w);
  hwk_tap_t *taps = (hwk_tap_t *)sums_end;
  const hwk_tap_t *end = taps + hwk_round_up(count, HWK_TAPS_AT_ONCE);
  hwk_taps_place(w, taps);
  for (int32_t y = 0; y < w->output_height; y += 2) {
    int32_t below = y + 1 < w->output_height ? row : 0, o = 0;
    const int8_t *weight = d->weights;
    hwk_strips_start(d, y, words, strips);
    for (int32_t c = 0; c < w->channels; ++c) {
      hwk_strips_fill(w, strips, input + c, words);
      for (int32_t last = o + d->channel_multiplier; o < last; ++o) {
        for (int32_t t = 0; t < count; ++t) {
          taps[t].weight = *weight++;
        }
        hwk_taps_2x2(taps, words, end, sums, sums_end, d->bias[o]);
        hwk_strips_store(d, o, sums, output, first + y * row + o, below);
      }
    }
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s8(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                        void *output, void *scratch) {
  int32_t row = d->window.output_width * d->window.channels * d->channel_multiplier;
  hwk_depthwise_strips_part(d, input, output, 0, row, scratch);
}

#endif
