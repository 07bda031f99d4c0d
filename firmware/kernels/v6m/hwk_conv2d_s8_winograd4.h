/* 2-D convolution 3x3, stride 1, by Winograd's F(4x4, 3x3): 16 outputs of 144 products take 36, and are
 * the very integers that a direct convolution gives. */
#ifndef HWK_CONV2D_S8_WINOGRAD4_H
#define HWK_CONV2D_S8_WINOGRAD4_H

#include <hwk_conv2d_winograd4.h>

HWK_INLINE size_t hwk_conv2d_s8_winograd4_scratch_bytes(const hwk_conv2d_t *d) {
  return hwk_conv2d_winograd4_scratch_bytes(d);
}

HWK_INLINE void hwk_conv2d_s8_winograd4(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                        void *scratch) {
  hwk_conv2d_winograd4(d, input, output, scratch);
}

#endif
