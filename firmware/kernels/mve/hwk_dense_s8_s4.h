/* Matrix product, packed 4-bit weights: VMLADAVA over a copy of each row of the input. */
#ifndef HWK_DENSE_S8_S4_H
#define HWK_DENSE_S8_S4_H

#include <hwk_conv2d_quads.h>

/* One row, in whole words of weights. */
HWK_INLINE size_t hwk_dense_s8_s4_scratch_bytes(const hwk_dense_t *d) {
  return (size_t)hwk_round_up(d->input_features, 8);
}

HWK_INLINE void hwk_dense_s8_s4(const hwk_dense_t *d, const int8_t *input, void *output,
                                void *scratch) {
  for (int32_t n = 0; n < d->rows; ++n) {
    hwk_copy_bytes(scratch, input + n * d->input_features, d->input_features);
    hwk_dot_column(d->weights, d->bias, &d->rescale, scratch, d->input_features,
                   hwk_row_bytes_s4(d->input_features), d->output_features, output,
                   n * d->output_features, hwk_dot_quad_s4);
  }
}

#endif
