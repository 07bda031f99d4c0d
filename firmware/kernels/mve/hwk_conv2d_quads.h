/* The convolution loops that the weight widths share: one column, four outputs at a time. */
#ifndef HWK_CONV2D_QUADS_H
#define HWK_CONV2D_QUADS_H

#include <hwk_column.h>
#include <hwk_dot_quad.h>

HWK_INLINE int32_t hwk_conv2d_taps(const hwk_conv2d_t *d) {
  return d->window.kernel_height * d->window.kernel_width * d->window.channels;
}

/* Whether the column of every output lies in the map as it is. */
HWK_INLINE int hwk_conv2d_in_place(const hwk_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return w->kernel_height == 1 && w->kernel_width == 1 && hwk_window_inside(w, 0, 0) &&
         hwk_window_inside(w, w->output_height - 1, w->output_width - 1);
}

typedef void hwk_dot_t(hwk_dot_quad_t *quad, const int8_t *column, int32_t taps);

/* Products of `outputs` rows with a column, written as elements from `index` on. */
HWK_INLINE void hwk_dot_column(const void *weights, const int32_t *bias, const hwk_rescale_t *r,
                               const int8_t *column, int32_t taps, int32_t row_bytes,
                               int32_t outputs, void *output, int32_t index, hwk_dot_t *dot) {
  int32_t o = 0;
  for (; o + HWK_QUAD <= outputs; o += HWK_QUAD) {
    hwk_dot_quad_t quad = hwk_dot_quad(weights, bias, row_bytes, o, HWK_QUAD);
    dot(&quad, column, taps);
    hwk_store_quad(r, output, index + o, hwk_sum_quad(&quad), o, HWK_QUAD);
  }
  if (o < outputs) {
    hwk_dot_quad_t quad = hwk_dot_quad(weights, bias, row_bytes, o, outputs - o);
    dot(&quad, column, taps);
    hwk_store_quad(r, output, index + o, hwk_sum_quad(&quad), o, outputs - o);
  }
}

/* With `in_place` columns that lie in the map are read there, without scratch memory. */
HWK_INLINE void hwk_conv2d_quads(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 int8_t *scratch, int in_place, int32_t row_bytes, hwk_dot_t *dot) {
  const hwk_window_t *w = &d->window;
  int32_t taps = hwk_conv2d_taps(d);
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, index += d->output_channels) {
      const int8_t *column = scratch;
      if (in_place) {
        column = input + (hwk_window_row(w, y, 0) * w->input_width + hwk_window_column(w, x, 0)) *
                             w->channels;
      } else {
        hwk_gather_column(w, input, d->input_zero_point, y, x, scratch);
      }
      hwk_dot_column(d->weights, d->bias, &d->rescale, column, taps, row_bytes, d->output_channels,
                     output, index, dot);
    }
  }
}

#endif
