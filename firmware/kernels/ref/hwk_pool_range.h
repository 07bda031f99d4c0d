/* The part of a pooling window that lies inside the map. */
#ifndef HWK_POOL_RANGE_H
#define HWK_POOL_RANGE_H

#include <hwk_kernels.h>
#include <hwk_window.h>

/* Rows first_row .. end_row - 1 and columns first_column .. end_column - 1. */
typedef struct {
  int32_t first_row;
  int32_t end_row;
  int32_t first_column;
  int32_t end_column;
} hwk_pool_range_t;

/* The range of output (y, x); dilation is 1. */
HWK_INLINE hwk_pool_range_t hwk_pool_range(const hwk_window_t *w, int32_t y, int32_t x) {
  int32_t row = hwk_window_row(w, y, 0);
  int32_t column = hwk_window_column(w, x, 0);
  hwk_pool_range_t range = {
      .first_row = hwk_max(row, 0),
      .end_row = hwk_min(row + w->kernel_height, w->input_height),
      .first_column = hwk_max(column, 0),
      .end_column = hwk_min(column + w->kernel_width, w->input_width),
  };
  return range;
}

/* Number of integers of one channel in the range. */
HWK_INLINE int32_t hwk_pool_count(hwk_pool_range_t range) {
  return (range.end_row - range.first_row) * (range.end_column - range.first_column);
}

/* Their sum. */
HWK_INLINE int32_t hwk_pool_sum(const hwk_window_t *w, const int8_t *input, hwk_pool_range_t range,
                                int32_t channel) {
  int32_t sum = 0;
  for (int32_t row = range.first_row; row < range.end_row; ++row) {
    const int8_t *pixel = input + row * w->input_width * w->channels + channel;
    for (int32_t column = range.first_column; column < range.end_column; ++column) {
      sum = hwk_wrapping_add(sum, pixel[column * w->channels]);
    }
  }
  return sum;
}

/* Their maximum. */
HWK_INLINE int32_t hwk_pool_maximum(const hwk_window_t *w, const int8_t *input,
                                    hwk_pool_range_t range, int32_t channel) {
  int32_t maximum = INT8_MIN;
  for (int32_t row = range.first_row; row < range.end_row; ++row) {
    const int8_t *pixel = input + row * w->input_width * w->channels + channel;
    for (int32_t column = range.first_column; column < range.end_column; ++column) {
      maximum = hwk_max(maximum, pixel[column * w->channels]);
    }
  }
  return maximum;
}

#endif
