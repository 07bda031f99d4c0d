/* The inner loop of depthwise convolution: a tap times two columns of two rows. */
#ifndef HWK_TAPS_2X2_H
#define HWK_TAPS_2X2_H

#include <hwk_kernels.h>

/* A tap of a channel: its weight, and how many bytes behind the first output's place its integers
 * lie. */
typedef struct {
  int32_t offset;
  int32_t weight;
} hwk_tap_t;

/* Taps come in whole steps of so many. */
#define HWK_TAPS_AT_ONCE 3

/* Two output rows of one channel: of each two columns the sums of the upper and the lower row in
 * the first, then in the second column.
 *
 * taps    of a channel, up to `end`
 * strips  for the first column the integers of the upper and the lower row, then of the next
 * sums    up to `sums_end` */
HWK_NOINLINE void hwk_taps_2x2(const hwk_tap_t *taps, const int32_t *strips, const hwk_tap_t *end,
                               int32_t *sums, const int32_t *sums_end, int32_t bias) {
  for (; sums != sums_end; sums += 4, strips += 4) {
    int32_t sum0 = bias, sum1 = bias, sum2 = bias, sum3 = bias;
    const hwk_tap_t *tap = taps;
    do {
      for (int32_t k = 0; k < HWK_TAPS_AT_ONCE; ++k, ++tap) {
        const int32_t *at = (const void *)((const int8_t *)strips + tap->offset);
        sum0 = hwk_mla(sum0, at[0], tap->weight);
        sum1 = hwk_mla(sum1, at[1], tap->weight);
        sum2 = hwk_mla(sum2, at[2], tap->weight);
        sum3 = hwk_mla(sum3, at[3], tap->weight);
      }
    } while (tap != end);
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
  }
}

/* Widens two rows side by side, at least one column; its columns are `step` integers apart. */
HWK_INLINE void hwk_widen_rows(const int8_t *upper, const int8_t *lower, int32_t *to,
                               const int32_t *end, int32_t step) {
#pragma GCC unroll 1
  for (; to != end; to += 2, upper += step, lower += step) {
    to[0] = *upper;
    to[1] = *lower;
  }
}

#endif
