/* Depthwise convolution, int8 weights: the algorithm for its window. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_H
#define HWK_DEPTHWISE_CONV2D_S8_H

#include <hwk_depthwise_3x3.h>
#include <hwk_depthwise_strips.h>

HWK_INLINE size_t hwk_depthwise_conv2d_s8_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return hwk_is_depthwise_3x3(d) ? hwk_depthwise_3x3_scratch_bytes(d)
                                 : hwk_depthwise_strips_scratch_bytes(d);
}

HWK_INLINE void hwk_depthwise_conv2d_s8(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                        void *output, void *scratch) {
  if (hwk_is_depthwise_3x3(d)) {
    hwk_depthwise_3x3(d, input, output, scratch);
  } else {
    hwk_depthwise_strips(d, input, output, scratch);
  }
}

#endif
