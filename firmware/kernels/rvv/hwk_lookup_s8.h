/* Any function of one integer, by table, a vector of integers at once. */
#ifndef HWK_LOOKUP_S8_H
#define HWK_LOOKUP_S8_H

#include <riscv_vector.h>

#include <hwk_kernels.h>

HWK_NO_SCRATCH(lookup_s8, lookup)

HWK_INLINE void hwk_lookup_s8(const hwk_lookup_t *d, const int8_t *input, int8_t *output,
                              void *scratch) {
  (void)scratch;
  uint8_t low = (uint8_t)d->input_low;
  for (int32_t i = 0; i < d->elements;) {
    size_t lanes = __riscv_vsetvl_e8m8((size_t)(d->elements - i));
    vuint8m8_t entries = __riscv_vle8_v_u8m8((const uint8_t *)input + i, lanes);
    entries = __riscv_vsub_vx_u8m8(entries, low, lanes);
    __riscv_vse8_v_i8m8(output + i, __riscv_vluxei8_v_i8m8(d->table, entries, lanes), lanes);
    i += (int32_t)lanes;
  }
}

#endif
