/* The inner loop of Winograd's F(4x4, 3x3): four rows of transformed weights by two tiles. */
#ifndef HWK_TILE_WINOGRAD4_H
#define HWK_TILE_WINOGRAD4_H

#include <hwk_kernels.h>

#define HWK_WINOGRAD4_ROWS 4
#define HWK_WINOGRAD4_TILES 2

/* Of each of 36 positions of both tiles the sums of the four rows' products, modulo 2^32.
 *
 * weights  of each position, of each pair of channels, a word of two 16-bit integers a row
 * tiles    of each tile, of each position the `pairs` words of its channels
 * sums     of each tile, of each position four */
HWK_NOINLINE void hwk_winograd4_products(const int32_t *weights, const int32_t *tiles,
                                         int32_t *sums, int32_t pairs) {
  const int16_t *w = (const int16_t *)weights;
  const int16_t *x = (const int16_t *)tiles, *y = (const int16_t *)(tiles + 36 * pairs);
#pragma GCC unroll 1
  for (const int32_t *end = sums + 4 * 36; sums != end; sums += HWK_WINOGRAD4_ROWS) {
    int32_t x0 = 0, x1 = 0, x2 = 0, x3 = 0, y0 = 0, y1 = 0, y2 = 0, y3 = 0;
    const int16_t *last = x + 2 * pairs;
#pragma GCC unroll 1
    do {
      for (int32_t k = 0; k < 2; ++k) {
        x0 = hwk_mla(x0, w[k], x[k]);
        y0 = hwk_mla(y0, w[k], y[k]);
        x1 = hwk_mla(x1, w[2 + k], x[k]);
        y1 = hwk_mla(y1, w[2 + k], y[k]);
        x2 = hwk_mla(x2, w[4 + k], x[k]);
        y2 = hwk_mla(y2, w[4 + k], y[k]);
        x3 = hwk_mla(x3, w[6 + k], x[k]);
        y3 = hwk_mla(y3, w[6 + k], y[k]);
      }
      x += 2;
      y += 2;
      w += 8;
    } while (x != last);
    sums[0] = x0;
    sums[1] = x1;
    sums[2] = x2;
    sums[3] = x3;
    sums[4 * 36] = y0;
    sums[4 * 36 + 1] = y1;
    sums[4 * 36 + 2] = y2;
    sums[4 * 36 + 3] = y3;
  }
}

#endif
