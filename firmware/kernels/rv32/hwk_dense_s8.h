/* Matrix product, int8 weights: four rows of weights by the input, as it lies in memory. */
#ifndef HWK_DENSE_S8_H
#define HWK_DENSE_S8_H

#include <hwk_store.h>

HWK_NO_SCRATCH(dense_s8, dense)

/* Adds the products of four rows, four bytes of each in turn, and `count` integers, a multiple of
 * four, to the sums. Returns the end of the rows. */
HWK_NOINLINE const int8_t *hwk_dense_tile(const int8_t *rows, const int8_t *input, int32_t count,
                                          int32_t *sums) {
  int32_t sum[4];
  hwk_copy(sum, sums, sizeof sum);
  for (const int8_t *end = input + count; input != end; input += 4, rows += 16) {
    for (int32_t t = 0; t < 4; ++t) {
      for (int32_t n = 0; n < 4; ++n) {
        sum[n] = hwk_mla(sum[n], rows[4 * n + t], input[t]);
      }
    }
  }
  hwk_copy(sums, sum, sizeof sum);
  return rows;
}

/* The same for all features: a last one to three are padded with what meets zero weights. */
HWK_INLINE const int8_t *hwk_dense_rows_4(const hwk_dense_t *d, const int8_t *rows,
                                          const int8_t *input, int32_t *sums) {
  int32_t whole = d->input_features / 4 * 4;
  rows = hwk_dense_tile(rows, input, whole, sums);
  if (whole < d->input_features) {
    int8_t rest[4] = {0, 0, 0, 0};
    hwk_copy(rest, input + whole, (size_t)(d->input_features - whole));
    rows = hwk_dense_tile(rows, rest, 4, sums);
  }
  return rows;
}

/* Weights lie in groups of four rows (hwk_weights.h). */
HWK_INLINE void hwk_dense_s8(const hwk_dense_t *d, const int8_t *input, void *output,
                             void *scratch) {
  (void)scratch;
  int32_t outputs = d->output_features, index = 0;
  for (int32_t n = 0; n < d->rows; ++n, input += d->input_features) {
    const int8_t *rows = d->weights;
    for (int32_t o = 0; o < outputs; o += 4) {
      int32_t count = hwk_min(outputs - o, 4);
      int32_t sums[4] = {0, 0, 0, 0};
      hwk_copy(sums, d->bias + o, (size_t)count * sizeof *sums);
      rows = hwk_dense_rows_4(d, rows, input, sums);
      for (int32_t j = 0; j < count; ++j) {
        hwk_store(&d->rescale, output, index++, sums[j], o + j);
      }
    }
  }
}

#endif
