/* Where a window's taps lie. */
#ifndef HWK_WINDOW_H
#define HWK_WINDOW_H

#include "hwk_descriptors.h"
#include "hwk_kernel.h"

/* Row of tap row r of output row y: may be outside 0 .. input_height - 1. */
HWK_INLINE int32_t hwk_window_row(const hwk_window_t *w, int32_t y, int32_t r) {
  return y * w->stride_height - w->padding_top + r * w->dilation_height;
}

/* Column of tap column c of output column x: may be outside 0 .. input_width - 1. */
HWK_INLINE int32_t hwk_window_column(const hwk_window_t *w, int32_t x, int32_t c) {
  return x * w->stride_width - w->padding_left + c * w->dilation_width;
}

/* The channels under tap (r, c) of output (y, x), or NULL where that is padding. */
HWK_INLINE const int8_t *hwk_window_pixel(const hwk_window_t *w, const int8_t *input, int32_t y,
                                          int32_t x, int32_t r, int32_t c) {
  int32_t row = hwk_window_row(w, y, r);
  int32_t column = hwk_window_column(w, x, c);
  if (row < 0 || row >= w->input_height || column < 0 || column >= w->input_width) {
    return NULL;
  }
  return input + (row * w->input_width + column) * w->channels;
}

/* The same of a map of int16_t. */
HWK_INLINE const int16_t *hwk_window_pixel_s16(const hwk_window_t *w, const int16_t *input,
                                               int32_t y, int32_t x, int32_t r, int32_t c) {
  const int8_t *first = (const void *)input;
  const int8_t *pixel = hwk_window_pixel(w, first, y, x, r, c);
  return pixel == NULL ? NULL : input + (pixel - first);
}

#endif
