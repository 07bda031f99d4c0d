/* The matrix product's loops that the weight widths share: four rows of weights by the input, as it
 * lies in memory. */
#ifndef HWK_DENSE_TILED_H
#define HWK_DENSE_TILED_H

#include <hwk_store.h>

/* Nothing is moved across: the compiler would load all weights first, and spill. */
#define HWK_KEEP_ORDER() __asm__ volatile("" ::: "memory")

/* Adds the products of four rows, a word of each in turn, and `count` integers, a multiple of the
 * weights in a word, to the sums. Returns the end of the rows. */
typedef const int8_t *hwk_dense_tile_t(const int8_t *rows, const int8_t *input, int32_t count,
                                       int32_t *sums);

/* Rows of int8 weights. */
HWK_NOINLINE const int8_t *hwk_dense_tile_s8(const int8_t *rows, const int8_t *input,
                                             int32_t count, int32_t *sums) {
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

/* Rows of packed 4-bit weights. */
HWK_NOINLINE const int8_t *hwk_dense_tile_s4(const int8_t *rows, const int8_t *input,
                                             int32_t count, int32_t *sums) {
  int32_t sum[4];
  hwk_copy(sum, sums, sizeof sum);
  for (const int8_t *end = input + count; input != end; input += 8, rows += 16) {
    for (int32_t t = 0; t < 4; ++t) {
      int32_t low = input[t], high = input[4 + t];
      for (int32_t n = 0; n < 4; ++n) {
        int32_t byte = rows[4 * n + t];
        sum[n] = hwk_mla(sum[n], hwk_wrapping_shift(byte, 28) >> 28, low);
        sum[n] = hwk_mla(sum[n], byte >> 4, high);
      }
      HWK_KEEP_ORDER();
    }
  }
  hwk_copy(sums, sum, sizeof sum);
  return rows;
}

/* All features of four rows. The last ones, fewer than `step`, are padded with what meets zero
 * weights. */
HWK_INLINE const int8_t *hwk_dense_rows_4(const hwk_dense_t *d, const int8_t *rows,
                                          const int8_t *input, int32_t *sums, int32_t step,
                                          hwk_dense_tile_t *tile) {
  int32_t whole = d->input_features / step * step;
  rows = tile(rows, input, whole, sums);
  if (whole < d->input_features) {
    int8_t rest[8] = {0};
    hwk_copy(rest, input + whole, (size_t)(d->input_features - whole));
    rows = tile(rows, rest, step, sums);
  }
  return rows;
}

/* Weights lie in groups of four rows (hwk_weights.h), `step` of them a word. */
HWK_INLINE void hwk_dense_tiled(const hwk_dense_t *d, const int8_t *input, void *output,
                                int32_t step, hwk_dense_tile_t *tile) {
  int32_t outputs = d->output_features, index = 0;
  for (int32_t n = 0; n < d->rows; ++n, input += d->input_features) {
    const int8_t *rows = d->weights;
    for (int32_t o = 0; o < outputs; o += 4) {
      int32_t count = hwk_min(outputs - o, 4);
      int32_t sums[4] = {0, 0, 0, 0};
      hwk_copy(sums, d->bias + o, (size_t)count * sizeof *sums);
      rows = hwk_dense_rows_4(d, rows, input, sums, step, tile);
      for (int32_t j = 0; j < count; ++j) {
        hwk_store(&d->rescale, output, index++, sums[j], o + j);
      }
    }
  }
}

#endif
