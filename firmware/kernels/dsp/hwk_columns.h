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

/* The taps of a row of the map, `first` the column under the first of them, each a pixel by itself;
 * channels a multiple of 4. */
HWK_INLINE int32_t *hwk_gather_dilated_words(const hwk_window_t *w, const int8_t *row,
                                             int32_t first, int32_t zero_point, int32_t *column,
                                             hwk_widen_t *widen, hwk_widen_value_t *widen_value) {
  for (int32_t c = 0, x = first; c < w->kernel_width; ++c, x += w->dilation_width) {
    column = x >= 0 && x < w->input_width ? widen(column, row + x * w->channels, w->channels)
                                          : widen_value(column, zero_point, w->channels);
  }
  return column;
}

/* Taps of output (y, x) in order, channels a multiple of 4. */
HWK_INLINE void hwk_gather_words(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                 int32_t y, int32_t x, int32_t *column, hwk_widen_t *widen,
                                 hwk_widen_value_t *widen_value) {
  int32_t row_bytes = w->kernel_width * w->channels;
  if (w->dilation_width == 1 && hwk_window_inside(w, y, x)) {
    for (int32_t r = 0; r < w->kernel_height; ++r) {
      column = widen(column, hwk_window_pixel(w, input, y, x, r, 0), row_bytes);
    }
    return;
  }
  int32_t first = hwk_window_column(w, x, 0);
  int32_t left = hwk_clamp(-first, 0, w->kernel_width);
  int32_t right = hwk_clamp(first + w->kernel_width - w->input_width, 0, w->kernel_width);
  int32_t before = left * w->channels, behind = right * w->channels;
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    int32_t of_map = hwk_window_row(w, y, r);
    const int8_t *row = input + of_map * w->input_width * w->channels;
    if (of_map < 0 || of_map >= w->input_height) {
      column = widen_value(column, zero_point, row_bytes);
    } else if (w->dilation_width != 1) {
      column = hwk_gather_dilated_words(w, row, first, zero_point, column, widen, widen_value);
    } else {
      column = before > 0 ? widen_value(column, zero_point, before) : column;
      column = widen(column, row + first * w->channels + before, row_bytes - before - behind);
      column = behind > 0 ? widen_value(column, zero_point, behind) : column;
    }
  }
}

/* Copies bytes, few of them: words, or halves of them, the last of which overlaps with the one
 * before. */
HWK_INLINE void hwk_copy_run(int8_t *to, const int8_t *from, int32_t count) {
  if (__builtin_constant_p(count)) {
    hwk_copy(to, from, (size_t)count);
  } else if (count >= 4) {
    int8_t *last = to + count - 4;
    const int8_t *from_last = from + count - 4;
#pragma GCC unroll 1
    for (; to < last; to += 4, from += 4) {
      hwk_copy(to, from, 4);
    }
    hwk_copy(last, from_last, 4);
  } else if (count >= 2) {
    hwk_copy(to, from, 2);
    to[count - 1] = from[count - 1];
  } else if (count == 1) {
    *to = *from;
  }
}

/* The same of `rows` runs, `to_step` and `from_step` bytes from each other. */
HWK_INLINE void hwk_copy_runs(int8_t *to, const int8_t *from, int32_t count, int32_t rows,
                              int32_t to_step, int32_t from_step) {
#pragma GCC unroll 1
  for (; rows > 0; --rows, to += to_step, from += from_step) {
    hwk_copy_run(to, from, count);
  }
}

/* Sets `count` bytes, rounded up to whole words. */
HWK_INLINE void hwk_fill_words(int8_t *to, int32_t value, int32_t count) {
  uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;
  const int8_t *end = to + count;
#pragma GCC unroll 1
  for (; to < end; to += 4) {
    hwk_copy(to, &word, 4);
  }
}

/* Taps of output (y, x) in order, any number of channels, as bytes: whole words of `patch`. */
HWK_INLINE void hwk_gather_bytes(const hwk_window_t *w, const int8_t *input, int32_t zero_point,
                                 int32_t y, int32_t x, int8_t *patch) {
  int32_t channels = w->channels, row_bytes = w->kernel_width * channels;
  int32_t map_row = w->input_width * channels, step = w->dilation_height * map_row;
  int32_t row = hwk_window_row(w, y, 0), first = hwk_window_column(w, x, 0);
  int32_t rows = w->kernel_height;
  if (w->dilation_width == 1 && hwk_window_inside(w, y, x)) {
    hwk_copy_runs(patch, input + row * map_row + first * channels, row_bytes, rows, row_bytes,
                  step);
    return;
  }
  hwk_fill_words(patch, zero_point, rows * row_bytes);
  for (; rows > 0 && row < 0; --rows, row += w->dilation_height) {
    patch += row_bytes;
  }
  while (rows > 0 && row + (rows - 1) * w->dilation_height >= w->input_height) {
    --rows;
  }
  const int8_t *at = input + row * map_row;
  if (w->dilation_width == 1) {
    int32_t skipped = hwk_max(-first, 0);
    int32_t run = hwk_min(w->input_width - first, w->kernel_width) - skipped;
    hwk_copy_runs(patch + skipped * channels, at + (first + skipped) * channels, run * channels,
                  rows, row_bytes, step);
    return;
  }
  for (int32_t c = 0, of_map = first; c < w->kernel_width; ++c, of_map += w->dilation_width) {
    if (of_map >= 0 && of_map < w->input_width) {
      hwk_copy_runs(patch + c * channels, at + of_map * channels, channels, rows, row_bytes, step);
    }
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
