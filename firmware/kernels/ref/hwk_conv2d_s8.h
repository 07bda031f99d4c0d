/* 2-D convolution, int8 weights: the definition, loop by loop. */
#ifndef HWK_CONV2D_S8_H
#define HWK_CONV2D_S8_H

#include <hwk_conv2d_rows.h>

HWK_NO_SCRATCH(conv2d_s8, conv2d)

HWK_INLINE void hwk_conv2d_s8(const hwk_conv2d_t *d, const int8_t *input, void *output,
                              void *scratch) {
  (void)scratch;
  hwk_conv2d_rows(d, input, output, hwk_row_bytes_s8, hwk_row_weight_s8);
}

#endif
