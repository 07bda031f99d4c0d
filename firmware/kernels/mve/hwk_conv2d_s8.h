/* 2-D convolution, int8 weights: VMLADAVA over one column of bytes. */
#ifndef HWK_CONV2D_S8_H
#define HWK_CONV2D_S8_H

#include <hwk_conv2d_quads.h>

/* One column, unless it lies in the map. */
HWK_INLINE size_t hwk_conv2d_s8_scratch_bytes(const hwk_conv2d_t *d) {
  return hwk_conv2d_in_place(d) ? 0 : (size_t)hwk_round_up(hwk_conv2d_taps(d), 4);
}

HWK_INLINE void hwk_conv2d_s8(const hwk_conv2d_t *d, const int8_t *input, void *output,
                              void *scratch) {
  hwk_conv2d_quads(d, input, output, scratch, hwk_conv2d_in_place(d),
                   hwk_row_bytes_s8(hwk_conv2d_taps(d)), hwk_dot_quad_s8);
}

#endif
