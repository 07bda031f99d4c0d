/* The inner loops of convolution: two rows of weights times two columns of integers. */
#ifndef HWK_TILE_2X2_H
#define HWK_TILE_2X2_H

#include <hwk_pairs.h>

/* sums of a tile: first row by first and second column, then the second row. */
typedef struct {
  int32_t sum[4];
} hwk_tile_t;

/* Four taps of both rows and both columns: 16 products in 8 instructions. */
HWK_INLINE hwk_tile_t hwk_tile_step(hwk_tile_t t, uint32_t row0, uint32_t row1,
                                    const int32_t *columns) {
  int32_t even0 = columns[0], odd0 = columns[1], even1 = columns[2], odd1 = columns[3];
  int32_t even = hwk_even_pair(row0), odd = hwk_odd_pair(row0);
  t.sum[0] = hwk_mla_pair(hwk_mla_pair(t.sum[0], even, even0), odd, odd0);
  t.sum[1] = hwk_mla_pair(hwk_mla_pair(t.sum[1], even, even1), odd, odd1);
  even = hwk_even_pair(row1), odd = hwk_odd_pair(row1);
  t.sum[2] = hwk_mla_pair(hwk_mla_pair(t.sum[2], even, even0), odd, odd0);
  t.sum[3] = hwk_mla_pair(hwk_mla_pair(t.sum[3], even, even1), odd, odd1);
  return t;
}

/* Rows of int8 weights; padded a multiple of 4. */
HWK_INLINE hwk_tile_t hwk_tile_s8(const int8_t *row0, int32_t row_stride, const int32_t *columns,
                                  int32_t padded, int32_t bias0, int32_t bias1) {
  const int8_t *row1 = row0 + row_stride;
  hwk_tile_t t = {{bias0, bias0, bias1, bias1}};
  for (int32_t k = 0; k < padded; k += 4, columns += 4) {
    t = hwk_tile_step(t, hwk_load4_aligned(row0 + k), hwk_load4_aligned(row1 + k), columns);
  }
  return t;
}

/* Rows of packed 4-bit weights; padded a multiple of 8. The weights come out times 16, so the
 * sums are shifted back before the bias: exact while |sum| < 2^27, that is padded < 2^17. */
HWK_INLINE hwk_tile_t hwk_tile_s4(const int8_t *row0, int32_t row_stride, const int32_t *columns,
                                  int32_t padded, int32_t bias0, int32_t bias1) {
  HWK_IN_REGISTER(row0);
  HWK_IN_REGISTER(columns);
  const int8_t *row1 = row0 + row_stride;
  hwk_tile_t t = {{0, 0, 0, 0}};
  for (int32_t k = 0; k < padded; k += 8, columns += 8) {
    uint32_t low0, high0, low1, high1;
    hwk_unpack_s4(hwk_load4_aligned(row0 + k / 2), &low0, &high0);
    hwk_unpack_s4(hwk_load4_aligned(row1 + k / 2), &low1, &high1);
    t = hwk_tile_step(t, low0, low1, columns);
    HWK_KEEP_ORDER();
    t = hwk_tile_step(t, high0, high1, columns + 4);
    HWK_KEEP_ORDER();
  }
  t.sum[0] = hwk_wrapping_add(t.sum[0] >> 4, bias0);
  t.sum[1] = hwk_wrapping_add(t.sum[1] >> 4, bias0);
  t.sum[2] = hwk_wrapping_add(t.sum[2] >> 4, bias1);
  t.sum[3] = hwk_wrapping_add(t.sum[3] >> 4, bias1);
  return t;
}

#endif
