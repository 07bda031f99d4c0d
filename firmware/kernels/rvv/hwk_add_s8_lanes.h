/* Sum of two tensors, each brought to a common scale first: a vector of elements at once. */
#ifndef HWK_ADD_S8_LANES_H
#define HWK_ADD_S8_LANES_H

#include <hwk_rescale_vector.h>

HWK_NO_SCRATCH(add_s8_lanes, add)

HWK_INLINE void hwk_add_s8_lanes(const hwk_add_t *d, const int8_t *a, const int8_t *b, void *output,
                                 void *scratch) {
  (void)scratch;
  int per_channel = hwk_per_channel(&d->rescale) || hwk_per_channel(&d->input_rescales[0]) ||
                    hwk_per_channel(&d->input_rescales[1]);
  int32_t row = per_channel ? d->channels : d->elements;
  for (int32_t i = 0; i < d->elements; i += row) {
    for (int32_t c = 0; c < row;) {
      size_t lanes = hwk_lanes_of(row - c);
      vint32m4_t x = hwk_load_bytes(a + i + c, lanes), y = hwk_load_bytes(b + i + c, lanes);
      x = __riscv_vsub_vx_i32m4(x, d->zero_points[0], lanes);
      x = hwk_rescale_vector(&d->input_rescales[0], x, c, lanes);
      y = __riscv_vsub_vx_i32m4(y, d->zero_points[1], lanes);
      y = hwk_rescale_vector(&d->input_rescales[1], y, c, lanes);
      x = __riscv_vadd_vv_i32m4(x, y, lanes);
      hwk_store_vector(&d->rescale, output, i + c, x, c, lanes);
      c += (int32_t)lanes;
    }
  }
}

#endif
