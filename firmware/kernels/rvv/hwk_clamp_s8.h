/* Limits a tensor to a range, a vector of integers at once. */
#ifndef HWK_CLAMP_S8_H
#define HWK_CLAMP_S8_H

#include <riscv_vector.h>

#include <hwk_kernels.h>

HWK_NO_SCRATCH(clamp_s8, clamp)

HWK_INLINE void hwk_clamp_s8(const hwk_clamp_t *d, const int8_t *input, int8_t *output,
                             void *scratch) {
  (void)scratch;
  for (int32_t i = 0; i < d->elements;) {
    size_t lanes = __riscv_vsetvl_e8m8((size_t)(d->elements - i));
    vint8m8_t x = __riscv_vle8_v_i8m8(input + i, lanes);
    x = __riscv_vmax_vx_i8m8(x, (int8_t)d->low, lanes);
    __riscv_vse8_v_i8m8(output + i, __riscv_vmin_vx_i8m8(x, (int8_t)d->high, lanes), lanes);
    i += (int32_t)lanes;
  }
}

#endif
