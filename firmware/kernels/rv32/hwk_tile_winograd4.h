/* The inner loop of Winograd's F(4x4, 3x3): four rows of transformed weights by one tile. */
#ifndef HWK_TILE_WINOGRAD4_H
#define HWK_TILE_WINOGRAD4_H

#include <hwk_kernels.h>

#define HWK_WINOGRAD4_ROWS 4

/* Of each position up to `end` of the tile the sums of the four rows' products, modulo 2^32.
 *
 * weights  of each position, of each pair of channels, a word of two 16-bit integers a row
 * tile     of each position the `pairs` words of its channels
 * sums     of each position four, behind the tile */
HWK_NOINLINE void hwk_winograd4_products(const int32_t *weights, const int32_t *tile,
                                         int32_t *sums, int32_t pairs, const int32_t *end) {
  const int16_t *w = (const int16_t *)weights;
  while (tile != end) {
    int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    const int16_t *x = (const int16_t *)tile;
    tile += pairs;
    do {
      int32_t first = x[0], second = x[1];
      sum0 = hwk_mla(sum0, w[0], first);
      sum1 = hwk_mla(sum1, w[2], first);
      sum2 = hwk_mla(sum2, w[4], first);
      sum3 = hwk_mla(sum3, w[6], first);
      sum0 = hwk_mla(sum0, w[1], second);
      sum1 = hwk_mla(sum1, w[3], second);
      sum2 = hwk_mla(sum2, w[5], second);
      sum3 = hwk_mla(sum3, w[7], second);
      x += 2;
      w += 8;
    } while (x != (const int16_t *)tile);
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
    sums += HWK_WINOGRAD4_ROWS;
  }
}

#endif
