/* 2-D convolution of 16-bit integers, int8 weights: the definition, loop by loop. */
#ifndef HWK_CONV2D_S16_H
#define HWK_CONV2D_S16_H

#include <hwk_store.h>
#include <hwk_window.h>

HWK_NO_SCRATCH(conv2d_s16, conv2d)

HWK_INLINE void hwk_conv2d_s16(const hwk_conv2d_t *d, const int16_t *input, void *output,
                               void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  int32_t taps = w->kernel_height * w->kernel_width * w->channels;
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      const int8_t *weights = d->weights;
      for (int32_t o = 0; o < d->output_channels; ++o, weights += hwk_row_bytes_s8(taps)) {
        const int8_t *weight = weights;
        int32_t sum = d->bias[o];
        for (int32_t r = 0; r < w->kernel_height; ++r) {
          for (int32_t c = 0; c < w->kernel_width; ++c) {
            const int16_t *pixel = hwk_window_pixel_s16(w, input, y, x, r, c);
            for (int32_t i = 0; i < w->channels; ++i) {
              sum = hwk_mla(sum, pixel != NULL ? pixel[i] : d->input_zero_point, *weight++);
            }
          }
        }
        hwk_store(&d->rescale, output, index++, sum, o);
      }
    }
  }
}

#endif
