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

/* Bytes of channels or weights, widened. */
HWK_INLINE vint16m2_t hwk_depthwise_lanes_load(const int8_t *from, size_t lanes) {
  return __riscv_vsext_vf2_i16m2(__riscv_vle8_v_i8m1(from, lanes), lanes);
}

/* One pixel. Weights in order of taps (hwk_weights.h). */
HWK_INLINE void hwk_depthwise_lanes_pixel(const hwk_depthwise_conv2d_t *d,
                                          const int8_t *const *pixels, void *output,
                                          int32_t index) {
  int32_t channels = d->window.channels, taps = hwk_depthwise_lanes_taps(&d->window);
  for (int32_t o = 0; o < channels;) {
    size_t lanes = hwk_lanes_of(channels - o);
    const int8_t *weights = (const int8_t *)d->weights + o;
    vint32m4_t sum = __riscv_vle32_v_i32m4(d->bias + o, lanes);
    for (int32_t t = 0; t < taps; ++t, weights += channels) {
      vint16m2_t x = hwk_depthwise_lanes_load(pixels[t] + o, lanes);
      sum = __riscv_vwmacc_vv_i32m4(sum, x, hwk_depthwise_lanes_load(weights, lanes), lanes);
    }
    hwk_store_vector(&d->rescale, output, index + o, sum, o, lanes);
    o += (int32_t)lanes;
  }
}

/* Adds the products of a kernel row of three taps, `dilation` bytes apart, whose weights are given. */
#define HWK_LANES_ROW(sum, row, dilation, a, b, c)                                                 \
  sum = __riscv_vwmacc_vv_i32m4(sum, hwk_depthwise_lanes_load(row, lanes), a, lanes);              \
  sum =                                                                                            \
      __riscv_vwmacc_vv_i32m4(sum, hwk_depthwise_lanes_load((row) + (dilation), lanes), b, lanes); \
  sum = __riscv_vwmacc_vv_i32m4(sum, hwk_depthwise_lanes_load((row) + 2 * (dilation), lanes), c,   \
                                lanes)

/* Outputs first .. end - 1 of row y, windows of 3x3 that lie inside the map: the weights of a
 * vector of channels, in 18 registers, serve them all. */
HWK_INLINE void hwk_depthwise_lanes_3x3(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                        int32_t y, int32_t first, int32_t end, void *output) {
  const hwk_window_t *w = &d->window;
  int32_t channels = w->channels, next = w->dilation_width * channels;
  int32_t below = w->dilation_height * w->input_width * channels;
  for (int32_t o = 0; o < channels;) {
    size_t lanes = hwk_lanes_of(channels - o);
    const int8_t *k = (const int8_t *)d->weights + o;
    vint16m2_t k0 = hwk_depthwise_lanes_load(k, lanes);
    vint16m2_t k1 = hwk_depthwise_lanes_load(k + channels, lanes);
    vint16m2_t k2 = hwk_depthwise_lanes_load(k + 2 * channels, lanes);
    vint16m2_t k3 = hwk_depthwise_lanes_load(k + 3 * channels, lanes);
    vint16m2_t k4 = hwk_depthwise_lanes_load(k + 4 * channels, lanes);
    vint16m2_t k5 = hwk_depthwise_lanes_load(k + 5 * channels, lanes);
    vint16m2_t k6 = hwk_depthwise_lanes_load(k + 6 * channels, lanes);
    vint16m2_t k7 = hwk_depthwise_lanes_load(k + 7 * channels, lanes);
    vint16m2_t k8 = hwk_depthwise_lanes_load(k + 8 * channels, lanes);
    const int8_t *row = hwk_window_pixel(w, input, y, first, 0, 0) + o;
    int32_t index = (y * w->output_width + first) * channels + o;
    for (int32_t x = first; x < end; ++x, row += w->stride_width * channels, index += channels) {
      int32_t channel = o;
      /* Loaded anew for each pixel: biases and factors have no registers beside the weights. */
      __asm__ volatile("" : "+r"(channel));
      vint32m4_t sum = __riscv_vle32_v_i32m4(d->bias + channel, lanes);
      HWK_LANES_ROW(sum, row, next, k0, k1, k2);
      HWK_LANES_ROW(sum, row + below, next, k3, k4, k5);
      HWK_LANES_ROW(sum, row + 2 * below, next, k6, k7, k8);
      hwk_store_vector(&d->rescale, output, index, sum, channel, lanes);
    }
    o += (int32_t)lanes;
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s8_lanes(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                              void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  const int8_t **pixels = scratch;
  int8_t *padding = (int8_t *)(pixels + hwk_depthwise_lanes_taps(w));
  memset(padding, d->input_zero_point, (size_t)w->channels);
  int is_3x3 = w->kernel_height == 3 && w->kernel_width == 3 && hwk_rescale_is_short(&d->rescale);
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width;) {
      int32_t end = x;
      while (is_3x3 && end < w->output_width && hwk_window_inside(w, y, end)) {
        ++end;
      }
      if (end > x) {
        hwk_depthwise_lanes_3x3(d, input, y, x, end, output);
        x = end;
        continue;
      }
      hwk_depthwise_lanes_pixels(w, input, y, x, padding, pixels);
      hwk_depthwise_lanes_pixel(d, pixels, output, (y * w->output_width + x) * w->channels);
      ++x;
    }
  }
}

#endif
