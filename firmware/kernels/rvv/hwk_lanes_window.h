/* Where the taps of an output lie, and columns of bytes under windows. */
#ifndef HWK_LANES_WINDOW_H
#define HWK_LANES_WINDOW_H

#include <riscv_vector.h>

#include <hwk_kernels.h>
#include <hwk_window.h>

/* Whether every tap of output (y, x) lies inside the map. */
HWK_INLINE int hwk_window_inside(const hwk_window_t *w, int32_t y, int32_t x) {
  return hwk_window_row(w, y, 0) >= 0 && hwk_window_column(w, x, 0) >= 0 &&
         hwk_window_row(w, y, w->kernel_height - 1) < w->input_height &&
         hwk_window_column(w, x, w->kernel_width - 1) < w->input_width;
}

/* Writes `count` bytes `step` apart, those of `from` or, where that is NULL, `value`; returns where
 * the next one belongs. */
HWK_INLINE int8_t *hwk_scatter_bytes(int8_t *to, const int8_t *from, int32_t value, int32_t count,
                                     int32_t step) {
  while (count > 0) {
    size_t lanes = __riscv_vsetvl_e8m8((size_t)count);
    vint8m8_t bytes = __riscv_vmv_v_x_i8m8((int8_t)value, lanes);
    if (from != NULL) {
      bytes = __riscv_vle8_v_i8m8(from, lanes);
      from += lanes;
    }
    __riscv_vsse8_v_i8m8(to, step, bytes, lanes);
    to += (int32_t)lanes * step;
    count -= (int32_t)lanes;
  }
  return to;
}

/* One kernel row of taps where they are neighbours in the map: what lies left of it, in it and right
 * of it. `row` is NULL where all of that is padding. */
HWK_INLINE int8_t *hwk_scatter_row(const hwk_window_t *w, const int8_t *row, int32_t zero_point,
                                   int32_t x, int8_t *column, int32_t step) {
  int32_t width = w->kernel_width, first = hwk_window_column(w, x, 0);
  int32_t left = row == NULL ? width : hwk_clamp(-first, 0, width);
  int32_t end = row == NULL ? width : hwk_clamp(w->input_width - first, left, width);
  column = hwk_scatter_bytes(column, NULL, zero_point, left * w->channels, step);
  if (end > left) {
    const int8_t *from = row + (first + left) * w->channels;
    column = hwk_scatter_bytes(column, from, 0, (end - left) * w->channels, step);
  }
  return hwk_scatter_bytes(column, NULL, zero_point, (width - end) * w->channels, step);
}

/* The taps of output (y, x), each `step` bytes behind the last one. */
HWK_INLINE void hwk_scatter_column(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                   int32_t y, int32_t x, int8_t *column, int32_t step) {
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    if (w->dilation_width == 1) {
      int32_t at = hwk_window_row(w, y, r);
      int inside = at >= 0 && at < w->input_height;
      const int8_t *row = inside ? input + at * w->input_width * w->channels : NULL;
      column = hwk_scatter_row(w, row, zero_point, x, column, step);
      continue;
    }
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, c);
      column = hwk_scatter_bytes(column, pixel, zero_point, w->channels, step);
    }
  }
}

#endif
