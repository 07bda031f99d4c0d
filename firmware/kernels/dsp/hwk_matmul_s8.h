/* Product of two activations' matrices: the second's columns lie as a dense layer's weights do, in
 * groups of four, and each widened row of the first meets all of them. */
#ifndef HWK_MATMUL_S8_H
#define HWK_MATMUL_S8_H

#include <hwk_dense_tiled.h>

/* A widened row, for each column its share of the zero points, and the columns in groups. */
HWK_INLINE size_t hwk_matmul_s8_scratch_bytes(const hwk_matmul_t *d) {
  size_t padded = (size_t)hwk_round_up(d->inner, 4), columns = (size_t)hwk_round_up(d->columns, 4);
  return 2 * padded + columns * (4 + padded);
}

/* Columns of one matrix in groups of four, a word of each in turn, zeros where none are; `shares`
 * gets for each -zero_points[0] times the sum of (b - zero_points[1]). */
HWK_INLINE void hwk_matmul_columns(const hwk_matmul_t *d, const int8_t *b, int32_t padded,
                                   int8_t *packed, int32_t *shares) {
  for (int32_t c = 0; c < d->columns; c += 4) {
    int32_t count = hwk_min(d->columns - c, 4);
    for (int32_t j = 0; j < 4; ++j) {
      const int8_t *column = b + (c + j) * d->b_strides[1];
      int32_t sum = 0;
      for (int32_t k = 0; k < padded; ++k) {
        int8_t y = 0;
        if (j < count && k < d->inner) {
          y = column[k * d->b_strides[2]];
          sum += y - d->zero_points[1];
        }
        packed[c * padded + (k & ~3) * 4 + j * 4 + (k & 3)] = y;
      }
      shares[c + j] = (int32_t)(0u - (uint32_t)d->zero_points[0] * (uint32_t)sum);
    }
  }
}

/* Widens a row of the first matrix; gives -zero_points[1] times its sum. */
HWK_INLINE int32_t hwk_matmul_row(const hwk_matmul_t *d, const int8_t *row, int32_t padded,
                                  int32_t *column) {
  if (d->a_strides[2] == 1) {
    hwk_widen_column(column, row, d->inner, padded);
  } else {
    for (int32_t k = 0; k < padded; k += 4) {
      int8_t four[4] = {0, 0, 0, 0};
      for (int32_t i = 0; i < hwk_min(d->inner - k, 4); ++i) {
        four[i] = row[(k + i) * d->a_strides[2]];
      }
      hwk_widen_column(column + k / 2, four, 4, 4);
    }
  }
  int32_t sum = 0;
  if (d->zero_points[1] != 0) {
    for (int32_t k = 0; k < padded / 2; ++k) {
      sum = hwk_mla_pair(sum, column[k], 0x00010001);
    }
  }
  return (int32_t)(0u - (uint32_t)d->zero_points[1] * (uint32_t)sum);
}

HWK_INLINE void hwk_matmul_s8(const hwk_matmul_t *d, const int8_t *a, const int8_t *b, void *output,
                              void *scratch) {
  int32_t padded = hwk_round_up(d->inner, 4), index = 0;
  int32_t *column = scratch, *shares = column + padded / 2;
  int8_t *packed = (int8_t *)(shares + hwk_round_up(d->columns, 4));
  for (int32_t n = 0; n < d->batches; ++n, a += d->a_strides[0], b += d->b_strides[0]) {
    if (n == 0 || d->b_strides[0] != 0) {
      hwk_matmul_columns(d, b, padded, packed, shares);
    }
    for (int32_t m = 0; m < d->rows; ++m) {
      int32_t share = hwk_matmul_row(d, a + m * d->a_strides[1], padded, column);
      const int8_t *group = packed;
      for (int32_t c = 0; c < d->columns; c += 4) {
        int32_t sums[4];
        for (int32_t j = 0; j < 4; ++j) {
          sums[j] = hwk_wrapping_add(shares[c + j], share);
        }
        group = hwk_column_tile_s8(group, column, column + padded / 2, sums);
        for (int32_t j = 0; j < hwk_min(d->columns - c, 4); ++j) {
          hwk_store(&d->rescale, output, index++, sums[j], c + j);
        }
      }
    }
  }
}

#endif
