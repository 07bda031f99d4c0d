/* 2-D convolution, int8 weights in pairs (hwk_h8.h): 2x4 register tiles, rescale and store among
 * them. Of the descriptor's tables only `weights` is there, a stream with everything in it;
 * kernels.py says which layers can be computed so. */
#ifndef HWK_CONV2D_S8_H8_H
#define HWK_CONV2D_S8_H8_H

#include <hwk_columns.h>
#include <hwk_tile_2x2_h8.h>

/* Words from four taps of a pixel to its next four. */
#define HWK_H8_STRIDE (2 * HWK_H8_PIXELS)

/* As hwk_widen, from any address; a copy for all, two words at a time. */
HWK_NOINLINE int32_t *hwk_h8_widen(int32_t *column, const int8_t *bytes, int32_t count) {
  const int8_t *end = bytes + count;
  if ((count + 3) / 4 % 2 != 0) {
    hwk_h8_write_word(column, HWK_H8_PIXELS, hwk_load4(bytes));
    column += HWK_H8_STRIDE;
    bytes += 4;
  }
#pragma GCC unroll 1
  for (; bytes < end; bytes += 8, column += 2 * HWK_H8_STRIDE) {
    uint32_t first = hwk_load4(bytes), second = hwk_load4(bytes + 4);
    hwk_h8_write_word(column, HWK_H8_PIXELS, first);
    hwk_h8_write_word(column + HWK_H8_STRIDE, HWK_H8_PIXELS, second);
  }
  return column;
}

/* As hwk_widen_value. */
HWK_NOINLINE int32_t *hwk_h8_widen_value(int32_t *column, int32_t value, int32_t count) {
  uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;
#pragma GCC unroll 1
  for (int32_t k = 0; k < count; k += 4, column += HWK_H8_STRIDE) {
    hwk_h8_write_word(column, HWK_H8_PIXELS, word);
  }
  return column;
}

/* As hwk_gather_as, a copy for all. */
HWK_NOINLINE void hwk_h8_gather_one(const hwk_conv2d_t *d, const int8_t *input, int32_t y,
                                    int32_t x, int32_t *column, int8_t *patch) {
  hwk_gather_as(&d->window, input, d->input_zero_point, y, x, column, patch, hwk_h8_widen,
                hwk_h8_widen_value);
}

/* Four pixels side by side, all channels. */
HWK_INLINE void hwk_h8_widen_pixels(int32_t *columns, const int8_t *bytes, int32_t channels) {
  for (const int8_t *end = bytes + channels; bytes < end; bytes += 4, columns += HWK_H8_STRIDE) {
    const int8_t *pixel = bytes;
    for (int32_t n = 0; n < HWK_H8_PIXELS; ++n, pixel += channels) {
      hwk_h8_write_word(columns + n, HWK_H8_PIXELS, hwk_load4(pixel));
    }
  }
}

HWK_INLINE int32_t hwk_h8_padded_taps(const hwk_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return hwk_round_up(w->kernel_height * w->kernel_width * w->channels, 4);
}

/* Four columns, and a patch of bytes when channels are no multiple of 4. */
HWK_INLINE size_t hwk_conv2d_s8_h8_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t padded = hwk_h8_padded_taps(d);
  return (size_t)(8 * padded + (d->window.channels % 4 == 0 ? 0 : padded));
}

/* Whether every output reads one pixel, its own. */
HWK_INLINE int hwk_h8_is_pointwise(const hwk_window_t *w) {
  return w->kernel_height * w->kernel_width == 1 && w->stride_height * w->stride_width == 1 &&
         w->padding_top == 0 && w->padding_left == 0 && w->output_width == w->input_width;
}

/* Whether `count` pixels from `pixel` on can be read where they lie, whole words at a time: what lies
 * behind them meets weights of zero. Only behind the last pixel there may be nothing to read. */
HWK_INLINE int hwk_h8_is_there(const hwk_window_t *w, int32_t pixel, int32_t count) {
  int32_t last = pixel + count - 1, end = w->input_height * w->input_width * w->channels;
  return last * w->channels + hwk_round_up(w->channels, 4) <= end;
}

/* The columns of `count` outputs from (y, x), which is `pixel`, on. */
HWK_INLINE void hwk_h8_gather(const hwk_conv2d_t *d, const int8_t *input, int32_t pixel, int32_t y,
                              int32_t x, int32_t count, int32_t *columns, int8_t *patch) {
  const hwk_window_t *w = &d->window;
  if (hwk_h8_is_pointwise(w) && hwk_h8_is_there(w, pixel, HWK_H8_PIXELS)) {
    hwk_h8_widen_pixels(columns, input + pixel * w->channels, w->channels);
    return;
  }
  for (int32_t n = 0; n < count; ++n) {
    hwk_h8_gather_one(d, input, y, x, columns + n, patch);
    x = x + 1 == w->output_width ? 0 : x + 1;
    y += x == 0;
  }
}

/* One copy for all layers of a network: what a layer's own sizes would save in the loops here is
 * little beside the products, and a copy a layer is a thousand bytes each. */
HWK_NOINLINE void hwk_h8_conv2d(const hwk_conv2d_t *d, const int8_t *input, int8_t *output,
                                int32_t *columns) {
  const hwk_window_t *w = &d->window;
  int32_t outputs = d->output_channels;
  int32_t pixels = w->output_height * w->output_width;
  hwk_h8_pixels_t four;
  four.end = columns + 2 * hwk_h8_padded_taps(d);
  for (int32_t pixel = 0; pixel < pixels; pixel += HWK_H8_PIXELS) {
    int8_t *first = output + pixel * outputs;
    int32_t count = hwk_min(pixels - pixel, HWK_H8_PIXELS);
    for (int32_t n = 0; n < HWK_H8_PIXELS; ++n) {
      four.output[n] = n < count ? first + n * outputs : first;
    }
    hwk_h8_gather(d, input, pixel, pixel / w->output_width, pixel % w->output_width, count, columns,
                  (int8_t *)four.end);
    if (count <= 2) {
      hwk_h8_channels_of_two(columns, d->weights, outputs, &four);
    } else {
      hwk_h8_channels(columns, d->weights, outputs, &four);
    }
  }
}

HWK_INLINE void hwk_conv2d_s8_h8(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch) {
  hwk_h8_conv2d(d, input, output, scratch);
}

#endif
