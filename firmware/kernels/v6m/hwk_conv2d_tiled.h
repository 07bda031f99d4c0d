/* The convolution loops that the weight widths share: a row of weights by four pixels at once. */
#ifndef HWK_CONV2D_TILED_H
#define HWK_CONV2D_TILED_H

#include <hwk_columns.h>
#include <hwk_store.h>
#include <hwk_tile_1x4.h>

/* Integers under the window of one output. */
HWK_INLINE int32_t hwk_conv2d_taps(const hwk_conv2d_t *d) {
  return d->window.kernel_height * d->window.kernel_width * d->window.channels;
}

/* Four columns of `padded` 32-bit integers and a tile's four sums. */
HWK_INLINE size_t hwk_conv2d_tiled_scratch_bytes(const hwk_conv2d_t *d, int32_t padded) {
  (void)d;
  return (size_t)(16 * padded + 16);
}

/* `padded` taps a row. A last tile of fewer pixels is multiplied together with what the other columns held, and those
 * sums are dropped. */
HWK_INLINE void hwk_conv2d_tiled(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch, int32_t padded, hwk_tile_t *tile) {
  const hwk_window_t *w = &d->window;
  int32_t *columns = scratch;
  int32_t *sums = columns + 4 * padded;
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
      row = tile(row, columns, sums, d->bias[o]);
      hwk_channel_t scale = hwk_channel(&d->rescale, o);
      int32_t index = pixel * outputs + o;
      for (int32_t n = 0; n < count; ++n, index += outputs) {
        hwk_store_scaled(&d->rescale, &scale, output, index, sums[n]);
      }
    }
  }
}

#endif
