/* Gathers the integers under a window: four pixels share a buffer, four bytes of each in turn, so
 * that a tile reads all of them with one pointer. */
#ifndef HWK_COLUMNS_H
#define HWK_COLUMNS_H

#include <hwk_window.h>

#define HWK_COLUMN_STRIDE 4 /* words from four taps of a pixel to its next four */

/* Copies `count` bytes (a multiple of 4) at a multiple of 4; returns the end of what was written. */
HWK_INLINE uint32_t *hwk_spread(uint32_t *column, const int8_t *bytes, int32_t count) {
  for (const int8_t *end = bytes + count; bytes != end; bytes += 4, column += HWK_COLUMN_STRIDE) {
    *column = hwk_load4_aligned(bytes);
  }
  return column;
}

/* `count` taps (a multiple of 4) of one value. */
HWK_INLINE uint32_t *hwk_spread_value(uint32_t *column, int32_t value, int32_t count) {
  uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;
  for (; count > 0; count -= 4, column += HWK_COLUMN_STRIDE) {
    *column = word;
  }
  return column;
}

/* Taps of output (y, x) in order, channels a multiple of 4. */
HWK_INLINE void hwk_gather_words(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                 int32_t y, int32_t x, uint32_t *column) {
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, c);
      column = pixel != NULL ? hwk_spread(column, pixel, w->channels)
                             : hwk_spread_value(column, zero_point, w->channels);
    }
  }
}

/* Taps of output (y, x) in order, any number of channels, as bytes. */
HWK_INLINE void hwk_gather_bytes(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                 int32_t y, int32_t x, int8_t *patch) {
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c, patch += w->channels) {
      const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, c);
      for (int32_t k = 0; k < w->channels; ++k) {
        patch[k] = pixel != NULL ? pixel[k] : (int8_t)zero_point;
      }
    }
  }
}

/* Fills the column of output (y, x) with its taps. `patch` has room for round_up(taps, 4) bytes
 * when channels is no multiple of 4. Behind the taps a column holds whatever lay there: the
 * weights that meet it are zeros. */
HWK_INLINE void hwk_gather(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                           int32_t y, int32_t x, uint32_t *column, int8_t *patch) {
  if (w->channels % 4 == 0) {
    hwk_gather_words(w, input, zero_point, y, x, column);
  } else {
    hwk_gather_bytes(w, input, zero_point, y, x, patch);
    int32_t taps = w->kernel_height * w->kernel_width * w->channels;
    hwk_spread(column, patch, hwk_round_up(taps, 4));
  }
}

#endif
