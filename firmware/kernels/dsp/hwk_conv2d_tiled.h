/* The convolution loops that the weight widths share: pixels in pairs, channels in pairs. */
#ifndef HWK_CONV2D_TILED_H
#define HWK_CONV2D_TILED_H

#include <hwk_columns.h>
#include <hwk_store.h>
#include <hwk_tile_2x2.h>

typedef hwk_tile_t hwk_tile_function_t(const int8_t *row0, int32_t row_stride,
                                       const int32_t *columns, int32_t padded, int32_t bias0,
                                       int32_t bias1);

/* Integers under the window of one output. */
HWK_INLINE int32_t hwk_conv2d_taps(const hwk_conv2d_t *d) {
  return d->window.kernel_height * d->window.kernel_width * d->window.channels;
}

/* Two columns of `padded` 16-bit integers, and a patch when channels need one. */
HWK_INLINE size_t hwk_conv2d_tiled_scratch_bytes(const hwk_conv2d_t *d, int32_t padded) {
  int32_t patch = d->window.channels % 4 == 0 ? 0 : hwk_round_up(hwk_conv2d_taps(d), 4);
  return (size_t)(4 * padded + patch);
}

/* A row of weights has `padded` taps in row_bytes bytes. A last pixel without a partner is
 * multiplied together with what the second column held, and that result dropped. */
HWK_INLINE void hwk_conv2d_tiled(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch, int32_t padded, int32_t row_bytes,
                                 hwk_tile_function_t *tile) {
  const hwk_window_t *w = &d->window;
  int32_t *columns = scratch;
  int8_t *patch = (int8_t *)(columns + padded);
  int32_t outputs = d->output_channels;
  int32_t pixels = w->output_height * w->output_width;
  int32_t y = 0, x = 0;
  for (int32_t pixel = 0; pixel < pixels; pixel += 2) {
    int32_t count = hwk_min(pixels - pixel, 2);
    for (int32_t n = 0; n < count; ++n) {
      hwk_gather(w, input, d->input_zero_point, y, x, columns + 2 * n, patch);
      x = x + 1 == w->output_width ? 0 : x + 1;
      y += x == 0;
    }
    for (int32_t o = 0; o < outputs; o += 2) {
      int32_t next = hwk_min(o + 1, outputs - 1);
      const int8_t *row = (const int8_t *)d->weights + o * row_bytes;
      hwk_tile_t t = tile(row, (next - o) * row_bytes, columns, padded, d->bias[o], d->bias[next]);
      int32_t index = pixel * outputs + o;
      hwk_store(&d->rescale, output, index, t.sum[0], o);
      if (next > o) {
        hwk_store(&d->rescale, output, index + 1, t.sum[2], next);
      }
      if (count == 2) {
        hwk_store(&d->rescale, output, index + outputs, t.sum[1], o);
        if (next > o) {
          hwk_store(&d->rescale, output, index + outputs + 1, t.sum[3], next);
        }
      }
    }
  }
}

#endif
