/* Depthwise convolution, int8 weights: the strips of scalar/hwk_depthwise_conv2d_s8.h with the
 * rescale of hwk_stairs.h.
 *
 * Of the descriptor's tables only `weights` is there: of each output channel what sums start with,
 * last, multiplier, offset, then its taps in order, in whole words. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_STAIRS_H
#define HWK_DEPTHWISE_CONV2D_S8_STAIRS_H

#include <hwk_depthwise_conv2d_s8.h>
#include <hwk_store_stairs.h>

HWK_INLINE size_t hwk_depthwise_conv2d_s8_stairs_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return hwk_depthwise_conv2d_s8_scratch_bytes(d);
}

/* Of an output whose rows have `row` elements the part that `output` starts with. */
HWK_INLINE void hwk_depthwise_stairs_part(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                          int8_t *output, int32_t row, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t count = hwk_depthwise_taps(w), stream_words = 4 + (count + 3) / 4;
  hwk_strip_t *strips = scratch;
  int32_t *words = (int32_t *)(strips + hwk_strips_count(w));
  int32_t *sums = words + hwk_strips_words(w), *sums_end = sums + hwk_strips_sums(w);
  hwk_tap_t *taps = (hwk_tap_t *)sums_end;
  const hwk_tap_t *end = taps + hwk_round_up(count, HWK_TAPS_AT_ONCE);
  int32_t outputs = w->channels * d->channel_multiplier;
  hwk_taps_place(w, taps);
  for (int32_t y = 0; y < w->output_height; y += 2, output += 2 * row) {
    int32_t below = y + 1 < w->output_height ? row : 0, o = 0;
    const int32_t *stream = d->weights;
    hwk_strips_start(d, y, words, strips);
    for (int32_t c = 0; c < w->channels; ++c) {
      hwk_strips_fill(w, strips, input + c, words);
      for (int32_t last = o + d->channel_multiplier; o < last; ++o, stream += stream_words) {
        const int8_t *weight = (const int8_t *)(stream + 4);
        for (int32_t t = 0; t < count; ++t) {
          taps[t].weight = *weight++;
        }
        hwk_taps_2x2(taps, words, end, sums, sums_end, *stream);
        hwk_store_stairs(stream + 1, sums, output + o, below, sums + 2 * w->output_width, outputs);
      }
    }
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s8_stairs(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                               int8_t *output, void *scratch) {
  int32_t row = d->window.output_width * d->window.channels * d->channel_multiplier;
  hwk_depthwise_stairs_part(d, input, output, row, scratch);
}

#endif
