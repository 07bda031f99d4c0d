/* Limits a tensor to a range, 16 integers at once. */
#ifndef HWK_CLAMP_S8_H
#define HWK_CLAMP_S8_H

#include <arm_mve.h>

#include <hwk_kernels.h>

HWK_NO_SCRATCH(clamp_s8, clamp)

HWK_INLINE void hwk_clamp_s8(const hwk_clamp_t *d, const int8_t *input, int8_t *output,
                             void *scratch) {
  (void)scratch;
  int8x16_t low = vdupq_n_s8((int8_t)d->low), high = vdupq_n_s8((int8_t)d->high);
  for (int32_t i = 0; i < d->elements; i += 16) {
    mve_pred16_t lanes = vctp8q((uint32_t)(d->elements - i));
    int8x16_t x = vldrbq_z_s8(input + i, lanes);
    vstrbq_p_s8(output + i, vminq_s8(vmaxq_s8(x, low), high), lanes);
  }
}

#endif
