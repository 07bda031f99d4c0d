/* Depthwise convolution of 16-bit integers over a map of one column, kernels of one column: as
 * hwk_depthwise_conv2d_s8_turned.h. */
#ifndef HWK_DEPTHWISE_CONV2D_S16_TURNED_H
#define HWK_DEPTHWISE_CONV2D_S16_TURNED_H

#include <hwk_depthwise_conv2d_s16.h>
#include <hwk_depthwise_turned.h>

HWK_INLINE size_t hwk_depthwise_conv2d_s16_turned_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  const hwk_depthwise_conv2d_t turned = hwk_depthwise_turned(d);
  return hwk_depthwise_strips_scratch_bytes(&turned);
}

HWK_INLINE void hwk_depthwise_conv2d_s16_turned(const hwk_depthwise_conv2d_t *d,
                                                const int16_t *input, void *output, void *scratch) {
  const hwk_depthwise_conv2d_t turned = hwk_depthwise_turned(d);
  const int8_t *bytes = (const void *)input;
  hwk_depthwise_strips_of(&turned, bytes, sizeof *input, output, scratch, hwk_strip_fill_s16);
}

#endif
