/* The matrix product's loops for cores without SIMD, two taps in one product, that the weight widths
 * share. Where a staircase serves the rescale there is no `bias`, and behind each group of
 * HWK_DENSE_ROWS rows the stream of weights has six words of each row: bias less the sum that x = 0
 * stands for, and the factors of hwk_staircase_lines. */
#ifndef HWK_DENSE_PAIRS_H
#define HWK_DENSE_PAIRS_H

#include <hwk_stairs.h>
#include <hwk_store.h>

#define HWK_DENSE_ROWS 4
#define HWK_DENSE_FACTORS 6

/* Adds the products of a group's rows and the column to the sums, modulo 2^32; the end of its words. */
typedef const int32_t *hwk_dense_group_t(const int32_t *stream, const int32_t *column,
                                         int32_t *sums);

/* The column of a row of `features` integers. */
typedef void hwk_dense_column_t(const int8_t *input, int32_t features, int32_t *to);

HWK_INLINE void hwk_dense_pairs(const hwk_dense_t *d, const int8_t *input, void *output,
                                int32_t *column, hwk_dense_column_t *fill,
                                hwk_dense_group_t *group) {
  int32_t index = 0;
  for (int32_t n = 0; n < d->rows; ++n, input += d->input_features) {
    const int32_t *stream = d->weights;
    fill(input, d->input_features, column);
    for (int32_t o = 0; o < d->output_features; o += HWK_DENSE_ROWS) {
      int32_t count = hwk_min(d->output_features - o, HWK_DENSE_ROWS);
      int32_t sums[HWK_DENSE_ROWS] = {0};
      stream = group(stream, column, sums);
#pragma GCC unroll 1
      for (int32_t k = 0; k < count; ++k, ++index) {
        if (d->bias != NULL) {
          hwk_store(&d->rescale, output, index, hwk_wrapping_add(sums[k], d->bias[o + k]), o + k);
        } else {
          int32_t x = hwk_wrapping_add(sums[k], stream[0]);
          ((int8_t *)output)[index] = hwk_staircase_of_sum(x, stream + 1);
          stream += HWK_DENSE_FACTORS;
        }
      }
    }
  }
}

#endif
