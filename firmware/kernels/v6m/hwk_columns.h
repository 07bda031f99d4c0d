/* Gathers the integers under a window and widens them to 32 bits: one LDM then loads a tap of four
 * pixels, and a multiplication may overwrite what it has read. */
#ifndef HWK_COLUMNS_H
#define HWK_COLUMNS_H

#include <hwk_window.h>

#define HWK_COLUMN_STRIDE 4 /* words from a tap of a pixel to its next one */

/* Widens `count` bytes; returns the end of what was written. */
HWK_INLINE int32_t *hwk_widen(int32_t *column, const int8_t *bytes, int32_t count) {
  const int8_t *end = bytes + count;
  for (; bytes != end; column += HWK_COLUMN_STRIDE) {
    *column = *bytes++;
  }
  return column;
}

/* `count` taps of one value. */
HWK_INLINE int32_t *hwk_widen_value(int32_t *column, int32_t value, int32_t count) {
  for (; count > 0; --count, column += HWK_COLUMN_STRIDE) {
    *column = value;
  }
  return column;
}

/* Fills the column of output (y, x) with its taps in order. Behind them a column holds whatever
 * lay there: the weights that meet it are zeros. */
HWK_INLINE void hwk_gather(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                           int32_t y, int32_t x, int32_t *column) {
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, c);
      column = pixel != NULL ? hwk_widen(column, pixel, w->channels)
                             : hwk_widen_value(column, zero_point, w->channels);
    }
  }
}

#endif
