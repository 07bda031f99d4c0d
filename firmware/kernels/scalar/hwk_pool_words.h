/* Sums of four neighbouring channels at once, in the halves of two words. */
#ifndef HWK_POOL_WORDS_H
#define HWK_POOL_WORDS_H

#include <hwk_pool_range.h>

/* Sums of x + 128 of four channels, each in 16 bits. */
typedef struct {
  uint32_t even;
  uint32_t odd;
} hwk_pool_sums_t;

/* Of `rows` rows of `columns` pixels from `pixel` on, which is a multiple of 4, as are both steps in
 * bytes; at most 257 pixels. The words' sum, less 2^8 times that of the odd bytes, is that of the even
 * ones. Rows that lie end to end are one. */
HWK_INLINE hwk_pool_sums_t hwk_pool_words(const int8_t *pixel, int32_t rows, int32_t columns,
                                          int32_t row_bytes, int32_t pixel_bytes) {
  uint32_t all = 0, odd = 0;
  if (columns * pixel_bytes == row_bytes) {
    columns *= rows;
    rows = 1;
  }
  for (; rows > 0; --rows, pixel += row_bytes) {
    const int8_t *at = pixel;
#pragma GCC unroll 4
    for (int32_t k = 0; k < columns; ++k, at += pixel_bytes) {
      uint32_t word = hwk_load4_aligned(at) ^ 0x80808080u;
      all += word;
      odd += word >> 8 & 0x00ff00ffu;
    }
  }
  hwk_pool_sums_t sums = {all - (odd << 8), odd};
  return sums;
}

/* Whether no window reaches beyond the map. */
HWK_INLINE int hwk_pool_inside(const hwk_window_t *w) {
  int rows = w->padding_top == 0 &&
             hwk_window_row(w, w->output_height - 1, w->kernel_height) <= w->input_height;
  int columns = w->padding_left == 0 &&
                hwk_window_column(w, w->output_width - 1, w->kernel_width) <= w->input_width;
  return rows && columns;
}

/* hwk_pool_range, its size constant where no window reaches beyond the map. */
HWK_INLINE hwk_pool_range_t hwk_pool_words_range(const hwk_window_t *w, int32_t y, int32_t x) {
  if (!hwk_pool_inside(w)) {
    return hwk_pool_range(w, y, x);
  }
  int32_t row = y * w->stride_height, column = x * w->stride_width;
  hwk_pool_range_t range = {row, row + w->kernel_height, column, column + w->kernel_width};
  return range;
}

/* The sums of the range at channels c .. c + 3 of `input`. */
HWK_INLINE hwk_pool_sums_t hwk_pool_words_of(const hwk_window_t *w, const int8_t *input,
                                             hwk_pool_range_t range, int32_t c) {
  const int8_t *pixel =
      input + (range.first_row * w->input_width + range.first_column) * w->channels + c;
  return hwk_pool_words(pixel, range.end_row - range.first_row,
                        range.end_column - range.first_column, w->input_width * w->channels,
                        w->channels);
}

/* That of channel n of the four, of x + 128. */
HWK_INLINE int32_t hwk_pool_word_sum(hwk_pool_sums_t sums, int32_t n) {
  uint32_t pair = (n & 1) != 0 ? sums.odd : sums.even;
  return (int32_t)(n < 2 ? pair & 0xffffu : pair >> 16);
}

#endif
