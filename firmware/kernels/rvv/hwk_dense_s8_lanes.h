/* Matrix product, int8 weights: outputs side by side, an input at a time. */
#ifndef HWK_DENSE_S8_LANES_H
#define HWK_DENSE_S8_LANES_H

#include <hwk_rescale_vector.h>

HWK_NO_SCRATCH(dense_s8_lanes, dense)

/* Weights in order of inputs (hwk_weights.h). */
HWK_INLINE void hwk_dense_s8_lanes(const hwk_dense_t *d, const int8_t *input, void *output,
                                   void *scratch) {
  (void)scratch;
  int32_t outputs = d->output_features;
  for (int32_t n = 0, index = 0; n < d->rows; ++n, index += outputs) {
    const int8_t *row = input + n * d->input_features, *end = row + d->input_features;
    for (int32_t o = 0; o < outputs;) {
      size_t lanes = __riscv_vsetvl_e32m8((size_t)(outputs - o));
      vint32m8_t sum = __riscv_vle32_v_i32m8(d->bias + o, lanes);
      const int8_t *weights = (const int8_t *)d->weights + o;
#pragma GCC unroll 4
      for (const int8_t *x = row; x < end; ++x, weights += outputs) {
        vint8m2_t bytes = __riscv_vle8_v_i8m2(weights, lanes);
        vint16m4_t halves = __riscv_vsext_vf2_i16m4(bytes, lanes);
        sum = __riscv_vwmacc_vx_i32m8(sum, *x, halves, lanes);
      }
      size_t first = hwk_lanes_of((int32_t)lanes);
      hwk_store_vector(&d->rescale, output, index + o, __riscv_vget_v_i32m8_i32m4(sum, 0), o,
                       first);
      if (lanes > first) {
        int32_t second = o + (int32_t)first;
        hwk_store_vector(&d->rescale, output, index + second, __riscv_vget_v_i32m8_i32m4(sum, 1),
                         second, lanes - first);
      }
      o += (int32_t)lanes;
    }
  }
}

#endif
