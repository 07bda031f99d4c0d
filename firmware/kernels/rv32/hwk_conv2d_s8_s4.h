/* 2-D convolution, packed 4-bit weights: four channels by four pixels at once. */
#ifndef HWK_CONV2D_S8_S4_H
#define HWK_CONV2D_S8_S4_H

#include <hwk_conv2d_tiled.h>

HWK_INLINE size_t hwk_conv2d_s8_s4_scratch_bytes(const hwk_conv2d_t *d) {
  return hwk_conv2d_tiled_scratch_bytes(d, hwk_round_up(hwk_conv2d_taps(d), 8));
}

HWK_INLINE void hwk_conv2d_s8_s4(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch) {
  int32_t padded = hwk_round_up(hwk_conv2d_taps(d), 8);
  hwk_conv2d_tiled(d, input, output, scratch, padded, hwk_tile_4x4_s4);
}

#endif
