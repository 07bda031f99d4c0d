/* Depthwise convolution 3x3, stride 1, a map as large as its input, int8 weights: a channel of an
 * output row at a time, its weights and three sums in registers (hwk_rows_3x3.h).
 *
 * Of the descriptor's tables only `weights` is there, as hwk_rows_3x3.h says. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_ROWS_H
#define HWK_DEPTHWISE_CONV2D_S8_ROWS_H

#include <hwk_rows_3x3.h>

/* A pixel of padding. */
HWK_INLINE size_t hwk_depthwise_conv2d_s8_rows_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return (size_t)hwk_round_up(d->window.channels, 4);
}

HWK_INLINE void hwk_depthwise_conv2d_s8_rows(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                             void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t row = w->input_width * w->channels;
  int8_t *padding = scratch, *to = output;
#pragma GCC unroll 1
  for (int32_t c = 0; c < w->channels; ++c) {
    padding[c] = (int8_t)d->input_zero_point;
  }
  for (int32_t y = 0; y < w->output_height; ++y, input += row, to += row) {
    int above = y > 0, below = y + 1 < w->output_height;
    hwk_rows_t rows = {
        .stream = d->weights,
        .top = above ? input - row : padding,
        .middle = input,
        .bottom = below ? input + row : padding,
        .top_step = above ? w->channels : 0,
        .bottom_step = below ? w->channels : 0,
        .step = w->channels,
        .row_bytes = row,
        .output = to,
        .channels = w->channels,
    };
    hwk_rows_3x3(&rows);
  }
}

#endif
