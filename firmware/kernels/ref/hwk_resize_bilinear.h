/* Bilinear resizing by tables of rows, columns and weights, for any width of integers and sums. */
#ifndef HWK_RESIZE_BILINEAR_H
#define HWK_RESIZE_BILINEAR_H

#include <hwk_broadcast.h>
#include <hwk_rescale_long.h>

/* hwk_resize_bilinear_<suffix>: from integers of `type` by sums of `sum_type`, which `store` rescales
 * and writes. */
#define HWK_RESIZE_BILINEAR(suffix, type, sum_type, store)                                        \
  HWK_NO_SCRATCH(resize_bilinear_##suffix, resize_bilinear)                                       \
  HWK_INLINE void hwk_resize_bilinear_##suffix(const hwk_resize_bilinear_t *d, const type *input, \
                                               void *output, void *scratch) {                     \
    (void)scratch;                                                                                \
    const int32_t pitch = d->input_width * d->channels;                                           \
    const sum_type whole = (sum_type)d->row_steps * d->column_steps;                              \
    int32_t index = 0;                                                                            \
    for (int32_t i = 0; i < d->output_height; ++i) {                                              \
      const type *upper = input + d->rows[i] * pitch;                                             \
      const type *lower = d->rows[i] + 1 < d->input_height ? upper + pitch : upper;               \
      const sum_type down = d->row_weights[i], up = d->row_steps - down;                          \
      for (int32_t j = 0; j < d->output_width; ++j) {                                             \
        const int32_t left = d->columns[j] * d->channels;                                         \
        const int32_t right = d->columns[j] + 1 < d->input_width ? left + d->channels : left;     \
        const sum_type of_right = d->column_weights[j], of_left = d->column_steps - of_right;     \
        for (int32_t c = 0; c < d->channels; ++c) {                                               \
          sum_type sum = up * of_left * upper[left + c] + up * of_right * upper[right + c] +      \
                         down * of_left * lower[left + c] + down * of_right * lower[right + c] -  \
                         whole * d->input_zero_point;                                             \
          store(&d->rescale, output, index++, sum, c);                                            \
        }                                                                                         \
      }                                                                                           \
    }                                                                                             \
  }

#endif
