/* Matrix product, int8 weights: VMLADAVA over the input's rows. */
#ifndef HWK_DENSE_S8_H
#define HWK_DENSE_S8_H

#include <hwk_conv2d_quads.h>

HWK_NO_SCRATCH(dense_s8, dense)

HWK_INLINE void hwk_dense_s8(const hwk_dense_t *d, const int8_t *input, void *output,
                             void *scratch) {
  (void)scratch;
  for (int32_t n = 0; n < d->rows; ++n) {
    hwk_dot_column(d->weights, d->bias, &d->rescale, input + n * d->input_features,
                   d->input_features, hwk_row_bytes_s8(d->input_features), d->output_features,
                   output, n * d->output_features, hwk_dot_quad_s8);
  }
}

#endif
