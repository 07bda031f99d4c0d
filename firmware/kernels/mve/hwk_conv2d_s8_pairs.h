/* 2-D convolution, int8 weights: two columns of bytes by four channels (hwk_tile_4x2.h). Of the
 * descriptor's tables only `weights` is there, a stream with everything in it; fits.py says which
 * layers can be computed so. */
#ifndef HWK_CONV2D_S8_PAIRS_H
#define HWK_CONV2D_S8_PAIRS_H

#include <hwk_conv2d_quads.h>
#include <hwk_tile_4x2.h>

/* Two columns, unless they lie in the map. */
HWK_INLINE size_t hwk_conv2d_s8_pairs_scratch_bytes(const hwk_conv2d_t *d) {
  return hwk_conv2d_in_place(d) ? 0 : 2 * (size_t)hwk_round_up(hwk_conv2d_taps(d), 4);
}

/* The column of output (y, x): in the map, or made in `room`. */
HWK_INLINE const int8_t *hwk_pair_column(const hwk_conv2d_t *d, const int8_t *input, int32_t y,
                                         int32_t x, int in_place, int8_t *room) {
  const hwk_window_t *w = &d->window;
  if (in_place) {
    int32_t row = y * w->stride_height - w->padding_top;
    return input + (row * w->input_width + x * w->stride_width - w->padding_left) * w->channels;
  }
  hwk_gather_column(w, input, d->input_zero_point, y, x, room);
  return room;
}

/* One copy for all layers of a network. A last pixel without a partner is computed twice. */
HWK_INLINE void hwk_pair_conv2d(const hwk_conv2d_t *d, const int8_t *input, int8_t *output,
                                int8_t *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t taps = hwk_conv2d_taps(d), room = hwk_round_up(taps, 4);
  int in_place = hwk_conv2d_in_place(d);
  hwk_column_pair_t pair;
  pair.full = (taps - 1) / 16;
  pair.rest = taps - 16 * pair.full;
  pair.zero_point = d->rescale.zero_point;
  int32_t y = 0, x = 0;
  for (int32_t left = w->output_height * w->output_width; left > 0; left -= 2) {
#pragma GCC unroll 1
    for (int32_t n = 0; n < 2; ++n) {
      int there = n < left;
      pair.column[n] =
          there ? hwk_pair_column(d, input, y, x, in_place, scratch + n * room) : pair.column[0];
      pair.output[n] = there ? output : pair.output[0];
      output += d->output_channels;
      x = x + 1 == w->output_width ? 0 : x + 1;
      y += x == 0;
    }
    pair.channels = d->output_channels;
    hwk_pair_channels(&pair, d->weights);
  }
}

HWK_INLINE void hwk_conv2d_s8_pairs(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                    void *scratch) {
  hwk_pair_conv2d(d, input, output, scratch);
}

#endif
