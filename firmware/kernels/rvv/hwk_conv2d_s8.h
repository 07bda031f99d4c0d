/* 2-D convolution, int8 weights: output channels side by side, four pixels, a tap at a time. */
#ifndef HWK_CONV2D_S8_H
#define HWK_CONV2D_S8_H

#include <hwk_lanes_window.h>
#include <hwk_rescale_vector.h>

#define HWK_VECTOR_PIXELS 4 /* at once: with their sums, 16 of 32 vector registers */

HWK_INLINE int32_t hwk_vector_taps(const hwk_conv2d_t *d) {
  return d->window.kernel_height * d->window.kernel_width * d->window.channels;
}

/* Whether pixels in order are the columns of the outputs in order. */
HWK_INLINE int hwk_vector_in_place(const hwk_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return w->kernel_height == 1 && w->kernel_width == 1 && w->stride_height == 1 &&
         w->stride_width == 1 && w->padding_top == 0 && w->padding_left == 0 &&
         w->output_height <= w->input_height && w->output_width == w->input_width;
}

/* Four columns, their bytes of a tap side by side, unless they lie in the map. */
HWK_INLINE size_t hwk_conv2d_s8_scratch_bytes(const hwk_conv2d_t *d) {
  return hwk_vector_in_place(d) ? 0 : (size_t)(HWK_VECTOR_PIXELS * hwk_vector_taps(d));
}

/* Outputs from element `index` on of `count` <= 4 pixels: tap k of pixel p is the byte
 * columns[p * pixel + k * tap], of a pixel that is not wanted that of the last one. */
HWK_INLINE void hwk_vector_pixels(const hwk_conv2d_t *d, const int8_t *columns, int32_t pixel,
                                  int32_t tap, int32_t count, void *output, int32_t index) {
  int32_t outputs = d->output_channels;
  const int8_t *second = columns + hwk_min(1, count - 1) * pixel;
  const int8_t *third = columns + hwk_min(2, count - 1) * pixel;
  const int8_t *fourth = columns + hwk_min(3, count - 1) * pixel;
  for (int32_t o = 0; o < outputs;) {
    size_t lanes = hwk_lanes_of(outputs - o);
    const int8_t *weights = (const int8_t *)d->weights + o;
    vint32m4_t a = __riscv_vle32_v_i32m4(d->bias + o, lanes), b = a, c = a, e = a;
    int32_t end = hwk_vector_taps(d) * tap;
    for (int32_t k = 0; k < end; k += tap, weights += outputs) {
      vint16m2_t w = __riscv_vsext_vf2_i16m2(__riscv_vle8_v_i8m1(weights, lanes), lanes);
      a = __riscv_vwmacc_vx_i32m4(a, columns[k], w, lanes);
      b = __riscv_vwmacc_vx_i32m4(b, second[k], w, lanes);
      c = __riscv_vwmacc_vx_i32m4(c, third[k], w, lanes);
      e = __riscv_vwmacc_vx_i32m4(e, fourth[k], w, lanes);
    }
    hwk_store_vector(&d->rescale, output, index + o, a, o, lanes);
    if (count > 1) {
      hwk_store_vector(&d->rescale, output, index + outputs + o, b, o, lanes);
    }
    if (count > 2) {
      hwk_store_vector(&d->rescale, output, index + 2 * outputs + o, c, o, lanes);
    }
    if (count > 3) {
      hwk_store_vector(&d->rescale, output, index + 3 * outputs + o, e, o, lanes);
    }
    o += (int32_t)lanes;
  }
}

/* Weights in order of taps (hwk_weights.h). */
HWK_INLINE void hwk_conv2d_s8(const hwk_conv2d_t *d, const int8_t *input, void *output,
                              void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t pixels = w->output_height * w->output_width, y = 0, x = 0;
  int8_t *columns = scratch;
  for (int32_t p = 0; p < pixels; p += HWK_VECTOR_PIXELS) {
    int32_t count = hwk_min(pixels - p, HWK_VECTOR_PIXELS);
    if (hwk_vector_in_place(d)) {
      hwk_vector_pixels(d, input + p * w->channels, w->channels, 1, count, output,
                        p * d->output_channels);
      continue;
    }
    for (int32_t n = 0; n < count; ++n) {
      hwk_scatter_column(w, input, d->input_zero_point, y, x, columns + n, HWK_VECTOR_PIXELS);
      x = x + 1 < w->output_width ? x + 1 : 0;
      y += x == 0;
    }
    hwk_vector_pixels(d, columns, 1, HWK_VECTOR_PIXELS, count, output, p * d->output_channels);
  }
}

#endif
