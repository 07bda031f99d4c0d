/* The convolution loops that the weight widths share: pixels in pairs, channels in pairs. */
#ifndef HWK_CONV2D_TILED_H
#define HWK_CONV2D_TILED_H

#include <hwk_columns.h>
#include <hwk_store.h>
#include <hwk_tile_2x2.h>

/* Integers under the window of one output. */
HWK_INLINE int32_t hwk_conv2d_taps(const hwk_conv2d_t *d) {
  return d->window.kernel_height * d->window.kernel_width * d->window.channels;
}

/* Two columns of `padded` 16-bit integers, a tile's four sums, and a patch when channels need
 * one. */
HWK_INLINE size_t hwk_conv2d_tiled_scratch_bytes(const hwk_conv2d_t *d, int32_t padded) {
  int32_t patch = d->window.channels % 4 == 0 ? 0 : hwk_round_up(hwk_conv2d_taps(d), 4);
  return (size_t)(4 * padded + 16 + patch);
}

/* Fills one of the two columns with the taps of output (y, x): hwk_gather, or what reads others. */
typedef void hwk_gather_function_t(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                   int32_t y, int32_t x, int32_t *column, int8_t *patch);

/* Rescales and writes the sums of one channel at `count` (1 or 2) neighbouring pixels. */
HWK_INLINE void hwk_conv2d_store(const hwk_conv2d_t *d, void *output, int32_t index,
                                 const int32_t *sums, int32_t count, int32_t channel) {
  hwk_channel_t scale = hwk_channel(&d->rescale, channel);
  hwk_store_scaled(&d->rescale, &scale, output, index, sums[0]);
  if (count == 2) {
    hwk_store_scaled(&d->rescale, &scale, output, index + d->output_channels, sums[1]);
  }
}

/* Weights lie in groups of two rows (hwk_weights.h), `padded` taps a row. A last pixel without a
 * partner is multiplied together with what the second column held, and that result dropped. */
HWK_INLINE void hwk_conv2d_tiled(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch, int32_t padded, hwk_gather_function_t *gather,
                                 hwk_tile_function_t *tile) {
  const hwk_window_t *w = &d->window;
  int32_t *columns = scratch;
  int32_t *sums = columns + padded;
  int8_t *patch = (int8_t *)(sums + 4);
  int32_t outputs = d->output_channels;
  int32_t pixels = w->output_height * w->output_width;
  int32_t y = 0, x = 0;
  for (int32_t pixel = 0; pixel < pixels; pixel += 2) {
    int32_t count = hwk_min(pixels - pixel, 2);
    for (int32_t n = 0; n < count; ++n) {
      gather(w, input, d->input_zero_point, y, x, columns + 2 * n, patch);
      x = x + 1 == w->output_width ? 0 : x + 1;
      y += x == 0;
    }
    const int8_t *rows = d->weights;
    int32_t index = pixel * outputs;
    for (int32_t o = 0; o + 2 <= outputs; o += 2, index += 2) {
      rows = tile(rows, columns, sums, d->bias + o);
      hwk_conv2d_store(d, output, index, sums, count, o);
      hwk_conv2d_store(d, output, index + 1, sums + 2, count, o + 1);
    }
    if (outputs % 2 != 0) {
      int32_t bias[2] = {d->bias[outputs - 1], 0};
      tile(rows, columns, sums, bias);
      hwk_conv2d_store(d, output, index, sums, count, outputs - 1);
    }
  }
}

#endif
