/* Depthwise convolution over a map of one column, kernels of one column: the same bytes as one row
 * under kernels of one row, which hwk_depthwise_strips.h takes many outputs at a time of. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_TURNED_H
#define HWK_DEPTHWISE_CONV2D_S8_TURNED_H

#include <hwk_depthwise_turned.h>

HWK_INLINE size_t hwk_depthwise_conv2d_s8_turned_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  const hwk_depthwise_conv2d_t turned = hwk_depthwise_turned(d);
  return hwk_depthwise_strips_scratch_bytes(&turned);
}

HWK_INLINE void hwk_depthwise_conv2d_s8_turned(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                               void *output, void *scratch) {
  const hwk_depthwise_conv2d_t turned = hwk_depthwise_turned(d);
  hwk_depthwise_strips(&turned, input, output, scratch);
}

#endif
