/* The convolution loops that the weight widths share. */
#ifndef HWK_CONV2D_ROWS_H
#define HWK_CONV2D_ROWS_H

#include <hwk_store.h>
#include <hwk_window.h>

/* row_bytes(taps) and row_weight(row, k) say how a row of weights lies in memory. */
HWK_INLINE void hwk_conv2d_rows(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                int32_t (*row_bytes)(int32_t),
                                int32_t (*row_weight)(const int8_t *, int32_t)) {
  const hwk_window_t *w = &d->window;
  int32_t taps = w->kernel_height * w->kernel_width * w->channels;
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      for (int32_t o = 0; o < d->output_channels; ++o) {
        const int8_t *row = (const int8_t *)d->weights + o * row_bytes(taps);
        int32_t sum = d->bias[o];
        int32_t k = 0;
        for (int32_t r = 0; r < w->kernel_height; ++r) {
          for (int32_t c = 0; c < w->kernel_width; ++c) {
            const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, c);
            for (int32_t i = 0; i < w->channels; ++i, ++k) {
              int32_t value = pixel != NULL ? pixel[i] : d->input_zero_point;
              sum = hwk_mla(sum, value, row_weight(row, k));
            }
          }
        }
        hwk_store(&d->rescale, output, index++, sum, o);
      }
    }
  }
}

#endif
