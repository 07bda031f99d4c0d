/* 2-D convolution of 16-bit integers, int8 weights: 2x2 register tiles of SMLAD over columns in
 * pairs. Sums are modulo 2^32, and those that count fit. */
#ifndef HWK_CONV2D_S16_H
#define HWK_CONV2D_S16_H

#include <hwk_columns_s16.h>
#include <hwk_conv2d_tiled.h>

HWK_INLINE size_t hwk_conv2d_s16_scratch_bytes(const hwk_conv2d_t *d) {
  return (size_t)(4 * hwk_round_up(hwk_conv2d_taps(d), 4) + 16);
}

HWK_INLINE void hwk_conv2d_s16(const hwk_conv2d_t *d, const int16_t *input, void *output,
                               void *scratch) {
  int32_t padded = hwk_round_up(hwk_conv2d_taps(d), 4);
  const int8_t *bytes = (const void *)input;
  hwk_conv2d_tiled(d, bytes, output, scratch, padded, hwk_gather_s16_column, hwk_tile_s8);
}

#endif
