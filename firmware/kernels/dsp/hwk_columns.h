/* Gathers the integers under a window and widens them to 16 bits.
 *
 * Two pixels share a buffer so that a tile reads both with one pointer: for each four taps the
 * even and the odd pair of the first pixel, then those of the second. The pairs are in SXTB16's
 * order, the same in which the weights come out of their words, so nothing is shuffled. */
#ifndef HWK_COLUMNS_H
#define HWK_COLUMNS_H

#include <hwk_pairs.h>
#include <hwk_window.h>

#define HWK_COLUMN_STRIDE 4 /* words from four taps of a pixel to its next four */

/* Widens `count` bytes (a multiple of 4) at a multiple of 4; returns the end of what was written. */
HWK_INLINE int32_t *hwk_widen(int32_t *column, const int8_t *bytes, int32_t count) {
  for (int32_t k = 0; k < count; k += 4, column += HWK_COLUMN_STRIDE) {
    uint32_t word = hwk_load4_aligned(bytes + k);
    column[0] = hwk_even_pair(word);
    column[1] = hwk_odd_pair(word);
  }
  return column;
}

/* `count` taps (a multiple of 4) of one value. */
HWK_INLINE int32_t *hwk_widen_value(int32_t *column, int32_t value, int32_t count) {
  int32_t pair = (int32_t)(((uint32_t)value << 16) | ((uint32_t)value & 0xffffu));
  for (int32_t k = 0; k < count; k += 4, column += HWK_COLUMN_STRIDE) {
    column[0] = pair;
    column[1] = pair;
  }
  return column;
}

/* Whether every tap of output (y, x) lies inside the map. */
HWK_INLINE int hwk_window_inside(const hwk_window_t *w, int32_t y, int32_t x) {
  return hwk_window_row(w, y, 0) >= 0 && hwk_window_column(w, x, 0) >= 0 &&
         hwk_window_row(w, y, w->kernel_height - 1) < w->input_height &&
         hwk_window_column(w, x, w->kernel_width - 1) < w->input_width;
}

/* How a kernel wants its taps: what hwk_widen and hwk_widen_value are. */
typedef int32_t *hwk_widen_t(int32_t *column, const int8_t *bytes, int32_t count);
typedef int32_t *hwk_widen_value_t(int32_t *column, int32_t value, int32_t count);

/* Taps of output (y, x) in order, channels a multiple of 4. */
HWK_INLINE void hwk_gather_words(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                 int32_t y, int32_t x, int32_t *column, hwk_widen_t *widen,
                                 hwk_widen_value_t *widen_value) {
  if (w->dilation_width == 1 && hwk_window_inside(w, y, x)) {
    for (int32_t r = 0; r < w->kernel_height; ++r) {
      const int8_t *row = hwk_window_pixel(w, input, y, x, r, 0);
      column = widen(column, row, w->kernel_width * w->channels);
    }
    return;
  }
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, c);
      column = pixel != NULL ? widen(column, pixel, w->channels)
                             : widen_value(column, zero_point, w->channels);
    }
  }
}

/* A row of taps from column `first` of the map on, `row` its first pixel; NULL in the padding. */
HWK_INLINE void hwk_gather_row(const hwk_window_t *w, const int8_t *row, int32_t zero_point,
                               int32_t first, int8_t *patch) {
  int32_t last = first + (w->kernel_width - 1) * w->dilation_width;
  if (w->dilation_width == 1 && row != NULL && first >= 0 && last < w->input_width) {
    hwk_copy(patch, row + first * w->channels, (size_t)(w->kernel_width * w->channels));
    return;
  }
  if (row == NULL) {
    memset(patch, zero_point, (size_t)(w->kernel_width * w->channels));
    return;
  }
  for (int32_t c = 0, x = first; c < w->kernel_width; ++c, x += w->dilation_width) {
    if (x >= 0 && x < w->input_width) {
      hwk_copy(patch, row + x * w->channels, (size_t)w->channels);
    } else {
      memset(patch, zero_point, (size_t)w->channels);
    }
    patch += w->channels;
  }
}

/* Taps of output (y, x) in order, any number of channels, as bytes. */
HWK_INLINE void hwk_gather_bytes(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                 int32_t y, int32_t x, int8_t *patch) {
  int32_t first = hwk_window_column(w, x, 0), row_bytes = w->kernel_width * w->channels;
  if (w->dilation_width == 1 && hwk_window_inside(w, y, x)) {
    for (int32_t r = 0; r < w->kernel_height; ++r, patch += row_bytes) {
      hwk_copy(patch, hwk_window_pixel(w, input, y, x, r, 0), (size_t)row_bytes);
    }
    return;
  }
  for (int32_t r = 0; r < w->kernel_height; ++r, patch += row_bytes) {
    int32_t row = hwk_window_row(w, y, r);
    int inside = row >= 0 && row < w->input_height;
    const int8_t *at = inside ? input + row * w->input_width * w->channels : NULL;
    hwk_gather_row(w, at, zero_point, first, patch);
  }
}

/* Fills the column of output (y, x) with its taps, written by `widen` and `widen_value`. `patch` has
 * room for round_up(taps, 4) bytes when channels is no multiple of 4. Behind the taps a column holds
 * whatever lay there: the weights that meet it are zeros. */
HWK_INLINE void hwk_gather_as(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                              int32_t y, int32_t x, int32_t *column, int8_t *patch,
                              hwk_widen_t *widen, hwk_widen_value_t *widen_value) {
  if (w->channels % 4 == 0) {
    hwk_gather_words(w, input, zero_point, y, x, column, widen, widen_value);
  } else {
    hwk_gather_bytes(w, input, zero_point, y, x, patch);
    int32_t taps = w->kernel_height * w->kernel_width * w->channels;
    widen(column, patch, hwk_round_up(taps, 4));
  }
}

/* The same in pairs of 16 bits. */
HWK_INLINE void hwk_gather(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                           int32_t y, int32_t x, int32_t *column, int8_t *patch) {
  hwk_gather_as(w, input, zero_point, y, x, column, patch, hwk_widen, hwk_widen_value);
}

#endif
