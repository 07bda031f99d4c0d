/* 2-D convolution, int8 weights: output channels side by side, four pixels, a tap at a time. */
#ifndef HWK_CONV2D_S8_LANES_H
#define HWK_CONV2D_S8_LANES_H

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
HWK_INLINE size_t hwk_conv2d_s8_lanes_scratch_bytes(const hwk_conv2d_t *d) {
  return hwk_vector_in_place(d) ? 0 : (size_t)(HWK_VECTOR_PIXELS * hwk_vector_taps(d));
}

/* Weights of a tap from output `o` on. */
HWK_INLINE vint16m2_t hwk_vector_weights(const int8_t *weights, size_t lanes) {
  return __riscv_vsext_vf2_i16m2(__riscv_vle8_v_i8m1(weights, lanes), lanes);
}

/* Outputs from element `index` on of four pixels: tap k of pixel p is the byte
 * columns[p * pixel + k * tap]. */
HWK_INLINE void hwk_vector_pixels(const hwk_conv2d_t *d, const int8_t *columns, int32_t pixel,
                                  int32_t tap, void *output, int32_t index) {
  int32_t outputs = d->output_channels;
  const int8_t *end = columns + hwk_vector_taps(d) * tap;
  for (int32_t o = 0; o < outputs;) {
    size_t lanes = hwk_lanes_of(outputs - o);
    const int8_t *weights = (const int8_t *)d->weights + o;
    vint32m4_t a = __riscv_vle32_v_i32m4(d->bias + o, lanes), b = a, c = a, e = a;
#pragma GCC unroll 4
    for (const int8_t *x = columns; x < end; x += tap, weights += outputs) {
      vint16m2_t w = hwk_vector_weights(weights, lanes);
      a = __riscv_vwmacc_vx_i32m4(a, x[0], w, lanes);
      b = __riscv_vwmacc_vx_i32m4(b, x[pixel], w, lanes);
      c = __riscv_vwmacc_vx_i32m4(c, x[2 * pixel], w, lanes);
      e = __riscv_vwmacc_vx_i32m4(e, x[3 * pixel], w, lanes);
    }
    hwk_store_vector(&d->rescale, output, index + o, a, o, lanes);
    hwk_store_vector(&d->rescale, output, index + outputs + o, b, o, lanes);
    hwk_store_vector(&d->rescale, output, index + 2 * outputs + o, c, o, lanes);
    hwk_store_vector(&d->rescale, output, index + 3 * outputs + o, e, o, lanes);
    o += (int32_t)lanes;
  }
}

/* The same of a pixel alone. */
HWK_INLINE void hwk_vector_pixel(const hwk_conv2d_t *d, const int8_t *column, int32_t tap,
                                 void *output, int32_t index) {
  int32_t outputs = d->output_channels;
  const int8_t *end = column + hwk_vector_taps(d) * tap;
  for (int32_t o = 0; o < outputs;) {
    size_t lanes = hwk_lanes_of(outputs - o);
    const int8_t *weights = (const int8_t *)d->weights + o;
    vint32m4_t sum = __riscv_vle32_v_i32m4(d->bias + o, lanes);
    for (const int8_t *x = column; x < end; x += tap, weights += outputs) {
      sum = __riscv_vwmacc_vx_i32m4(sum, *x, hwk_vector_weights(weights, lanes), lanes);
    }
    hwk_store_vector(&d->rescale, output, index + o, sum, o, lanes);
    o += (int32_t)lanes;
  }
}

/* Weights in order of taps (hwk_weights.h). */
HWK_INLINE void hwk_conv2d_s8_lanes(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                    void *scratch) {
  const hwk_window_t *w = &d->window;
  int in_place = hwk_vector_in_place(d);
  int32_t pixel = in_place ? w->channels : 1, tap = in_place ? 1 : HWK_VECTOR_PIXELS;
  int32_t pixels = w->output_height * w->output_width, y = 0, x = 0;
  for (int32_t p = 0; p < pixels; p += HWK_VECTOR_PIXELS) {
    int32_t count = hwk_min(pixels - p, HWK_VECTOR_PIXELS), index = p * d->output_channels;
    const int8_t *columns = in_place ? input + p * w->channels : scratch;
    for (int32_t n = 0; n < count && !in_place; ++n) {
      hwk_scatter_column(w, input, d->input_zero_point, y, x, (int8_t *)scratch + n, tap);
      x = x + 1 < w->output_width ? x + 1 : 0;
      y += x == 0;
    }
    if (count == HWK_VECTOR_PIXELS) {
      hwk_vector_pixels(d, columns, pixel, tap, output, index);
      continue;
    }
    for (int32_t n = 0; n < count; ++n, index += d->output_channels) {
      hwk_vector_pixel(d, columns + n * pixel, tap, output, index);
    }
  }
}

#endif
