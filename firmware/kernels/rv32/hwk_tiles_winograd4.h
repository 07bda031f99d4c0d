/* The inner loop of Winograd's F(4x4, 3x3): a channel's transformed weights by four tiles. */
#ifndef HWK_TILES_WINOGRAD4_H
#define HWK_TILES_WINOGRAD4_H

#include <hwk_kernels.h>

/* Of each of 36 positions the sums of four tiles, modulo 2^32.
 *
 * weights  of each position the `channels` integers of the input's channels, a multiple of 4
 * tiles    of each position, of each channel, one of each tile
 * sums     of each position one of each tile */
HWK_NOINLINE void hwk_winograd4_tiles(const int16_t *weights, const int16_t *tiles, int32_t *sums,
                                      int32_t channels) {
  const int32_t *end = sums + 4 * 36;
#pragma GCC unroll 1
  for (; sums != end; sums += 4) {
    int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    const int16_t *last = weights + channels;
#pragma GCC unroll 1
    do {
      for (int32_t k = 0; k < 4; ++k) {
        sum0 = hwk_mla(sum0, weights[k], tiles[4 * k]);
        sum1 = hwk_mla(sum1, weights[k], tiles[4 * k + 1]);
        sum2 = hwk_mla(sum2, weights[k], tiles[4 * k + 2]);
        sum3 = hwk_mla(sum3, weights[k], tiles[4 * k + 3]);
      }
      weights += 4;
      tiles += 16;
    } while (weights != last);
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
  }
}

#endif
