/* The convolution loops that the weight widths share: four channels by four pixels at once. */
#ifndef HWK_CONV2D_TILED_H
#define HWK_CONV2D_TILED_H

#include <hwk_columns.h>
#include <hwk_store.h>
#include <hwk_tile_4x4.h>

/* Integers under the window of one output. */
HWK_INLINE int32_t hwk_conv2d_taps(const hwk_conv2d_t *d) {
  return d->window.kernel_height * d->window.kernel_width * d->window.channels;
}

/* Four columns of `padded` taps, a tile's sixteen sums, and a patch when channels need one. */
HWK_INLINE size_t hwk_conv2d_tiled_scratch_bytes(const hwk_conv2d_t *d, int32_t padded) {
  return (size_t)(4 * padded + 64 + (d->window.channels % 4 == 0 ? 0 : padded));
}

/* Rescales and writes the sums of `channels` (1 .. 4) channels from `o` on at `pixels` (1 .. 4)
 * neighbouring pixels. */
HWK_INLINE void hwk_conv2d_store(const hwk_conv2d_t *d, void *output, int32_t index,
                                 const int32_t *sums, int32_t pixels, int32_t o, int32_t channels) {
  for (int32_t j = 0; j < channels; ++j) {
    hwk_channel_t scale = hwk_channel(&d->rescale, o + j);
    for (int32_t n = 0; n < pixels; ++n) {
      int32_t at = index + j + n * d->output_channels;
      hwk_store_scaled(&d->rescale, &scale, output, at, sums[4 * j + n]);
    }
  }
}

/* Weights lie in groups of four rows (hwk_weights.h), `padded` taps a row. A last tile of fewer pixels is multiplied
 * together with what the other columns held, and those sums are dropped. */
HWK_INLINE void hwk_conv2d_tiled(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch, int32_t padded, hwk_tile_t *tile) {
  const hwk_window_t *w = &d->window;
  uint32_t *columns = scratch;
  int32_t *sums = (int32_t *)(columns + padded);
  int8_t *patch = (int8_t *)(sums + 16);
  int32_t outputs = d->output_channels;
  int32_t pixels = w->output_height * w->output_width;
  int32_t y = 0, x = 0;
  for (int32_t pixel = 0; pixel < pixels; pixel += 4) {
    int32_t count = hwk_min(pixels - pixel, 4);
    for (int32_t n = 0; n < count; ++n) {
      hwk_gather(w, input, d->input_zero_point, y, x, columns + n, patch);
      x = x + 1 == w->output_width ? 0 : x + 1;
      y += x == 0;
    }
    const int8_t *rows = d->weights, *end = (const int8_t *)sums;
    int32_t index = pixel * outputs, o = 0;
    for (; o + 4 <= outputs; o += 4, index += 4) {
      rows = tile(rows, (const int8_t *)columns, end, d->bias + o, sums);
      hwk_conv2d_store(d, output, index, sums, count, o, 4);
    }
    if (o < outputs) {
      int32_t bias[4] = {0, 0, 0, 0};
      hwk_copy(bias, d->bias + o, (size_t)(outputs - o) * sizeof *bias);
      tile(rows, (const int8_t *)columns, end, bias, sums);
      hwk_conv2d_store(d, output, index, sums, count, o, outputs - o);
    }
  }
}

#endif
