/* Depthwise convolution of 16-bit integers, int8 weights: the definition, loop by loop. */
#ifndef HWK_DEPTHWISE_CONV2D_S16_H
#define HWK_DEPTHWISE_CONV2D_S16_H

#include <hwk_store.h>
#include <hwk_window.h>

HWK_NO_SCRATCH(depthwise_conv2d_s16, depthwise_conv2d)

HWK_INLINE void hwk_depthwise_conv2d_s16(const hwk_depthwise_conv2d_t *d, const int16_t *input,
                                         void *output, void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  int32_t taps = w->kernel_height * w->kernel_width;
  int32_t outputs = w->channels * d->channel_multiplier;
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      for (int32_t o = 0; o < outputs; ++o) {
        int32_t sum = d->bias[o];
        for (int32_t t = 0; t < taps; ++t) {
          const int16_t *pixel =
              hwk_window_pixel_s16(w, input, y, x, t / w->kernel_width, t % w->kernel_width);
          int32_t value = pixel != NULL ? pixel[o / d->channel_multiplier] : d->input_zero_point;
          sum = hwk_mla(sum, value, hwk_tap_weight_s8(d->weights, taps, t, o));
        }
        hwk_store(&d->rescale, output, index++, sum, o);
      }
    }
  }
}

#endif
