/* 2-D convolution 3x3, stride 1, by Winograd's F(4x4, 3x3), weights transformed when they are needed. */
#ifndef HWK_CONV2D_S8_WINOGRAD4_SMALL_H
#define HWK_CONV2D_S8_WINOGRAD4_SMALL_H

#include <hwk_conv2d_winograd4_small.h>

HWK_INLINE size_t hwk_conv2d_s8_winograd4_small_scratch_bytes(const hwk_conv2d_t *d) {
  return hwk_conv2d_winograd4_small_scratch_bytes(d);
}

HWK_INLINE void hwk_conv2d_s8_winograd4_small(const hwk_conv2d_t *d, const int8_t *input,
                                              void *output, void *scratch) {
  hwk_conv2d_winograd4_small(d, input, output, scratch);
}

#endif
