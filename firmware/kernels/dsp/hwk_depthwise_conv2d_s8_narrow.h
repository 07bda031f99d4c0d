/* Depthwise convolution, int8 weights, 3x3 at strides of 1 or 2: hwk_depthwise_3x3 in parts of a few
 * columns, whose bands take as many bytes on maps of any width. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_NARROW_H
#define HWK_DEPTHWISE_CONV2D_S8_NARROW_H

#include <hwk_depthwise_3x3.h>
#include <hwk_depthwise_part.h>

HWK_INLINE size_t hwk_depthwise_conv2d_s8_narrow_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  hwk_depthwise_conv2d_t part = hwk_depthwise_part(d, 0, 0);
  return hwk_depthwise_3x3_scratch_bytes(&part);
}

HWK_INLINE void hwk_depthwise_conv2d_s8_narrow(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                               void *output, void *scratch) {
  int32_t row = hwk_part_row(d), outputs = d->window.channels * d->channel_multiplier;
  HWK_FOR_PARTS(d, y, x) {
    hwk_depthwise_conv2d_t part = hwk_depthwise_part(d, y, x);
    hwk_depthwise_3x3_part(&part, input, output, y * row + x * outputs, row, scratch);
  }
}

#endif
