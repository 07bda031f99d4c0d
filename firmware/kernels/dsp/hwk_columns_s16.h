/* Gathers 16-bit integers under a window, in the order of hwk_columns.h. */
#ifndef HWK_COLUMNS_S16_H
#define HWK_COLUMNS_S16_H

#include <hwk_columns.h>

/* Even and odd pair of four neighbouring integers, at a multiple of 4. */
HWK_INLINE void hwk_pair_up(int32_t *pairs, const int16_t *four) {
  uint32_t first = hwk_load4_aligned(four), second = hwk_load4_aligned(four + 2);
  pairs[0] = (int32_t)hwk_low_halves(first, second);
  pairs[1] = (int32_t)hwk_high_halves(first, second);
}

/* `count` integers, a multiple of 4; returns the end of what was written. */
HWK_INLINE int32_t *hwk_pair_up_all(int32_t *column, const int16_t *integers, int32_t count) {
  for (int32_t k = 0; k < count; k += 4, column += HWK_COLUMN_STRIDE) {
    hwk_pair_up(column, integers + k);
  }
  return column;
}

/* Taps of output (y, x) in order, channels a multiple of 4. */
HWK_INLINE void hwk_gather_fours_s16(const hwk_window_t *w, const int16_t *input,
                                     int32_t zero_point, int32_t y, int32_t x, int32_t *column) {
  if (w->dilation_width == 1 && hwk_window_inside(w, y, x)) {
    for (int32_t r = 0; r < w->kernel_height; ++r) {
      const int16_t *row = hwk_window_pixel_s16(w, input, y, x, r, 0);
      column = hwk_pair_up_all(column, row, w->kernel_width * w->channels);
    }
    return;
  }
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int16_t *pixel = hwk_window_pixel_s16(w, input, y, x, r, c);
      column = pixel != NULL ? hwk_pair_up_all(column, pixel, w->channels)
                             : hwk_widen_value(column, zero_point, w->channels);
    }
  }
}

/* Where tap k lies among the halves of a column. */
HWK_INLINE int32_t hwk_half_of_tap(int32_t k) {
  return k / 4 * (2 * HWK_COLUMN_STRIDE) + k % 2 * 2 + k % 4 / 2;
}

/* Taps of output (y, x) one by one, any number of channels. */
HWK_INLINE void hwk_gather_single_s16(const hwk_window_t *w, const int16_t *input,
                                      int32_t zero_point, int32_t y, int32_t x, int32_t *column) {
  int16_t *halves = (void *)column;
  int32_t k = 0;
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int16_t *pixel = hwk_window_pixel_s16(w, input, y, x, r, c);
      for (int32_t i = 0; i < w->channels; ++i, ++k) {
        halves[hwk_half_of_tap(k)] = (int16_t)(pixel != NULL ? pixel[i] : zero_point);
      }
    }
  }
}

/* Fills the column of output (y, x) with its taps; `bytes` are those of int16_t integers. Behind the
 * taps a column holds whatever lay there: the weights that meet it are zeros. */
HWK_INLINE void hwk_gather_s16_column(const hwk_window_t *w, const int8_t *bytes,
                                      int32_t zero_point, int32_t y, int32_t x, int32_t *column,
                                      int8_t *patch) {
  (void)patch;
  const int16_t *input = (const void *)bytes;
  if (w->channels % 4 == 0) {
    hwk_gather_fours_s16(w, input, zero_point, y, x, column);
  } else {
    hwk_gather_single_s16(w, input, zero_point, y, x, column);
  }
}

#endif
