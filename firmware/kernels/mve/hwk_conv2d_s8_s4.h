/* 2-D convolution, packed 4-bit weights: VMLADAVA over one column of bytes. */
#ifndef HWK_CONV2D_S8_S4_H
#define HWK_CONV2D_S8_S4_H

#include <hwk_conv2d_quads.h>

/* One column, in whole words of weights. */
HWK_INLINE size_t hwk_conv2d_s8_s4_scratch_bytes(const hwk_conv2d_t *d) {
  return (size_t)hwk_round_up(hwk_conv2d_taps(d), 8);
}

HWK_INLINE void hwk_conv2d_s8_s4(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch) {
  hwk_conv2d_quads(d, input, output, scratch, 0, hwk_row_bytes_s4(hwk_conv2d_taps(d)),
                   hwk_dot_quad_s4);
}

#endif
