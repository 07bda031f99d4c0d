/* The matrix product's loops that the weight widths share: each weight is used once, so four
 * rows share the loads of one column. */
#ifndef HWK_DENSE_TILED_H
#define HWK_DENSE_TILED_H

#include <hwk_pairs.h>
#include <hwk_store.h>

typedef struct {
  const int8_t *row[4];
  int32_t sum[4];
} hwk_column_tile_t;

/* Adds the products of `padded` taps to the four sums; rows are of int8 weights. */
HWK_INLINE void hwk_column_tile_s8(hwk_column_tile_t *t, const int32_t *column, int32_t padded) {
  for (int32_t k = 0; k < padded; k += 4, column += 2) {
    int32_t even = column[0], odd = column[1];
    for (int32_t n = 0; n < 4; ++n) {
      uint32_t word = hwk_load4_aligned(t->row[n] + k);
      t->sum[n] = hwk_mla_pair(t->sum[n], hwk_even_pair(word), even);
      t->sum[n] = hwk_mla_pair(t->sum[n], hwk_odd_pair(word), odd);
    }
  }
}

/* The same for packed 4-bit weights, which come out times 16; exact while padded < 2^17. */
HWK_INLINE void hwk_column_tile_s4(hwk_column_tile_t *t, const int32_t *column, int32_t padded) {
  int32_t sum[4] = {0, 0, 0, 0};
  for (int32_t k = 0; k < padded; k += 8, column += 4) {
    int32_t even = column[0], odd = column[1], even4 = column[2], odd4 = column[3];
    for (int32_t n = 0; n < 4; ++n) {
      uint32_t low, high;
      hwk_unpack_s4(hwk_load4_aligned(t->row[n] + k / 2), &low, &high);
      sum[n] = hwk_mla_pair(sum[n], hwk_even_pair(low), even);
      sum[n] = hwk_mla_pair(sum[n], hwk_odd_pair(low), odd);
      sum[n] = hwk_mla_pair(sum[n], hwk_even_pair(high), even4);
      sum[n] = hwk_mla_pair(sum[n], hwk_odd_pair(high), odd4);
    }
  }
  for (int32_t n = 0; n < 4; ++n) {
    t->sum[n] = hwk_wrapping_add(t->sum[n], sum[n] >> 4);
  }
}

/* Widens `count` integers, with zeros up to `padded` (a multiple of 4). */
HWK_INLINE void hwk_widen_column(int32_t *column, const int8_t *input, int32_t count,
                                 int32_t padded) {
  int32_t k = 0;
  for (; k + 4 <= count; k += 4) {
    uint32_t word = hwk_load4(input + k);
    *column++ = hwk_even_pair(word);
    *column++ = hwk_odd_pair(word);
  }
  for (; k < padded; k += 4) {
    int8_t rest[4] = {0, 0, 0, 0};
    hwk_copy(rest, input + k, (size_t)hwk_clamp(count - k, 0, 4));
    uint32_t word = hwk_load4(rest);
    *column++ = hwk_even_pair(word);
    *column++ = hwk_odd_pair(word);
  }
}

/* A row of weights has `padded` taps in row_bytes bytes. */
HWK_INLINE void hwk_dense_tiled(const hwk_dense_t *d, const int8_t *input, void *output,
                                void *scratch, int32_t padded, int32_t row_bytes,
                                void (*tile)(hwk_column_tile_t *, const int32_t *, int32_t)) {
  int32_t outputs = d->output_features;
  int32_t *column = scratch;
  for (int32_t n = 0; n < d->rows; ++n) {
    hwk_widen_column(column, input + n * d->input_features, d->input_features, padded);
    for (int32_t o = 0; o < outputs; o += 4) {
      hwk_column_tile_t t;
      for (int32_t j = 0; j < 4; ++j) {
        int32_t row = hwk_min(o + j, outputs - 1);
        t.row[j] = (const int8_t *)d->weights + row * row_bytes;
        t.sum[j] = d->bias[row];
      }
      tile(&t, column, padded);
      for (int32_t j = 0; j < hwk_min(outputs - o, 4); ++j) {
        hwk_store(&d->rescale, output, n * outputs + o + j, t.sum[j], o + j);
      }
    }
  }
}

#endif
