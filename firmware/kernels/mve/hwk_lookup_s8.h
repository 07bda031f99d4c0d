/* Any function of one integer, by table, 16 integers at once. */
#ifndef HWK_LOOKUP_S8_H
#define HWK_LOOKUP_S8_H

#include <arm_mve.h>

#include <hwk_kernels.h>

HWK_NO_SCRATCH(lookup_s8, lookup)

HWK_INLINE void hwk_lookup_s8(const hwk_lookup_t *d, const int8_t *input, int8_t *output,
                              void *scratch) {
  (void)scratch;
  uint8_t low = (uint8_t)d->input_low;
  for (int32_t i = 0; i < d->elements; i += 16) {
    mve_pred16_t lanes = vctp8q((uint32_t)(d->elements - i));
    uint8x16_t entries = vsubq_n_u8(vreinterpretq_u8_s8(vldrbq_z_s8(input + i, lanes)), low);
    int8x16_t y = vldrbq_gather_offset_z_s8(d->table, entries, lanes);
    vstrbq_p_s8(output + i, y, lanes);
  }
}

#endif
