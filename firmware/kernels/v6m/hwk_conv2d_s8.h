/* 2-D convolution, int8 weights: a row of weights by four pixels at once. */
#ifndef HWK_CONV2D_S8_H
#define HWK_CONV2D_S8_H

#include <hwk_columns.h>
#include <hwk_store.h>
#include <hwk_tile_1x4.h>

/* Taps of a row, with the zeros behind them. */
HWK_INLINE int32_t hwk_conv2d_padded_taps(const hwk_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return hwk_round_up(w->kernel_height * w->kernel_width * w->channels, 4);
}

/* Four columns of 32-bit integers and a tile's four sums. */
HWK_INLINE size_t hwk_conv2d_s8_scratch_bytes(const hwk_conv2d_t *d) {
  return (size_t)(16 * hwk_conv2d_padded_taps(d) + 16);
}

/* A last tile of fewer pixels is multiplied together with what the other columns held, and those
 * sums are dropped. */
HWK_INLINE void hwk_conv2d_s8(const hwk_conv2d_t *d, const int8_t *input, void *output,
                              void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t *columns = scratch;
  int32_t *sums = columns + 4 * hwk_conv2d_padded_taps(d);
  int32_t outputs = d->output_channels;
  int32_t pixels = w->output_height * w->output_width;
  int32_t y = 0, x = 0;
  for (int32_t pixel = 0; pixel < pixels; pixel += 4) {
    int32_t count = hwk_min(pixels - pixel, 4);
    for (int32_t n = 0; n < count; ++n) {
      hwk_gather(w, input, d->input_zero_point, y, x, columns + n);
      x = x + 1 == w->output_width ? 0 : x + 1;
      y += x == 0;
    }
    const int8_t *row = d->weights;
    for (int32_t o = 0; o < outputs; ++o) {
      row = hwk_tile_1x4(row, columns, sums, d->bias[o]);
      hwk_channel_t scale = hwk_channel(&d->rescale, o);
      int32_t index = pixel * outputs + o;
      for (int32_t n = 0; n < count; ++n, index += outputs) {
        hwk_store_scaled(&d->rescale, &scale, output, index, sums[n]);
      }
    }
  }
}

#endif
