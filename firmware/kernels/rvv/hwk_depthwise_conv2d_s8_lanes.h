/* Depthwise convolution, one output for each channel: channels side by side, a tap at a time. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_LANES_H
#define HWK_DEPTHWISE_CONV2D_S8_LANES_H

#include <hwk_lanes_window.h>
#include <hwk_rescale_vector.h>

HWK_INLINE int32_t hwk_depthwise_lanes_taps(const hwk_window_t *w) {
  return w->kernel_height * w->kernel_width;
}

/* Where the taps of a pixel lie, and a pixel of padding. */
HWK_INLINE size_t hwk_depthwise_conv2d_s8_lanes_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return (size_t)(4 * hwk_depthwise_lanes_taps(&d->window) + d->window.channels);
}

/* Where the taps of output (y, x) lie. */
HWK_INLINE void hwk_depthwise_lanes_pixels(const hwk_window_t *w, const int8_t *input, int32_t y,
                                           int32_t x, const int8_t *padding,
                                           const int8_t **pixels) {
  int inside = hwk_window_inside(w, y, x);
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    const int8_t *row = inside ? hwk_window_pixel(w, input, y, x, r, 0) : NULL;
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int8_t *pixel = inside ? row + c * w->dilation_width * w->channels
                                   : hwk_window_pixel(w, input, y, x, r, c);
      *pixels++ = pixel != NULL ? pixel : padding;
    }
  }
}

/* One pixel. Weights in order of taps (hwk_weights.h). Products of bytes fit 16 bits. */
HWK_INLINE void hwk_depthwise_lanes_pixel(const hwk_depthwise_conv2d_t *d,
                                          const int8_t *const *pixels, void *output,
                                          int32_t index) {
  int32_t channels = d->window.channels, taps = hwk_depthwise_lanes_taps(&d->window);
  for (int32_t o = 0; o < channels;) {
    size_t lanes = hwk_lanes_of(channels - o);
    const int8_t *weights = (const int8_t *)d->weights + o;
    vint32m4_t sum = __riscv_vle32_v_i32m4(d->bias + o, lanes);
    for (int32_t t = 0; t < taps; ++t, weights += channels) {
      vint8m1_t x = __riscv_vle8_v_i8m1(pixels[t] + o, lanes);
      vint16m2_t products = __riscv_vwmul_vv_i16m2(x, __riscv_vle8_v_i8m1(weights, lanes), lanes);
      sum = __riscv_vwadd_wv_i32m4(sum, products, lanes);
    }
    hwk_store_vector(&d->rescale, output, index + o, sum, o, lanes);
    o += (int32_t)lanes;
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s8_lanes(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                              void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  const int8_t **pixels = scratch;
  int8_t *padding = (int8_t *)(pixels + hwk_depthwise_lanes_taps(w));
  memset(padding, d->input_zero_point, (size_t)w->channels);
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, index += w->channels) {
      hwk_depthwise_lanes_pixels(w, input, y, x, padding, pixels);
      hwk_depthwise_lanes_pixel(d, pixels, output, index);
    }
  }
}

#endif
