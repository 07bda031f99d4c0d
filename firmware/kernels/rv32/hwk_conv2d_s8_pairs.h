/* 2-D convolution, int8 weights: two pixels in one product. */
#ifndef HWK_CONV2D_S8_PAIRS_H
#define HWK_CONV2D_S8_PAIRS_H

#include <hwk_conv2d_pairs.h>

HWK_INLINE size_t hwk_conv2d_s8_pairs_scratch_bytes(const hwk_conv2d_t *d) {
  return hwk_conv2d_pairs_scratch_bytes(d);
}

HWK_INLINE void hwk_conv2d_s8_pairs(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                    void *scratch) {
  hwk_conv2d_pairs(d, input, output, scratch);
}

#endif
