/* The bytes under a window, in order. */
#ifndef HWK_COLUMN_H
#define HWK_COLUMN_H

#include <arm_mve.h>

#include <hwk_window.h>

/* Copies `count` >= 1 bytes; returns the end of what was written. */
HWK_INLINE int8_t *hwk_copy_bytes(int8_t *to, const int8_t *from, int32_t count) {
  if (count % 16 == 0) {
    for (int32_t k = 0; k < count; k += 16) {
      vstrbq_s8(to + k, vldrbq_s8(from + k));
    }
    return to + count;
  }
  int8_t *end = to + count;
  __asm__ volatile(
      "dlstp.8 lr, %[count]\n"
      "1: vldrb.u8 q0, [%[from]], #16\n"
      "vstrb.8 q0, [%[to]], #16\n"
      "letp lr, 1b\n"
      : [to] "+r"(to), [from] "+r"(from)
      : [count] "r"(count)
      : "lr", "q0", "memory");
  return end;
}

/* Sets `count` bytes; returns their end. */
HWK_INLINE int8_t *hwk_fill_bytes(int8_t *to, int32_t value, int32_t count) {
  int8x16_t bytes = vdupq_n_s8((int8_t)value);
  for (int32_t k = 0; k < count; k += 16) {
    vstrbq_p_s8(to + k, bytes, vctp8q((uint32_t)(count - k)));
  }
  return to + count;
}

/* Whether every tap of output (y, x) lies inside the map. */
HWK_INLINE int hwk_window_inside(const hwk_window_t *w, int32_t y, int32_t x) {
  return hwk_window_row(w, y, 0) >= 0 && hwk_window_column(w, x, 0) >= 0 &&
         hwk_window_row(w, y, w->kernel_height - 1) < w->input_height &&
         hwk_window_column(w, x, w->kernel_width - 1) < w->input_width;
}

/* Fills `column` with the taps of output (y, x). */
HWK_INLINE void hwk_gather_column(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                  int32_t y, int32_t x, int8_t *column) {
  if (w->dilation_width == 1 && hwk_window_inside(w, y, x)) {
    const int8_t *row = hwk_window_pixel(w, input, y, x, 0, 0);
    for (int32_t r = 0; r < w->kernel_height; ++r) {
      column = hwk_copy_bytes(column, row, w->kernel_width * w->channels);
      row += w->dilation_height * w->input_width * w->channels;
    }
    return;
  }
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, c);
      column = pixel != NULL ? hwk_copy_bytes(column, pixel, w->channels)
                             : hwk_fill_bytes(column, zero_point, w->channels);
    }
  }
}

#endif
