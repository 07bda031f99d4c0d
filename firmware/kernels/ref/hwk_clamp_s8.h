/* Limits a tensor to a range. */
#ifndef HWK_CLAMP_S8_H
#define HWK_CLAMP_S8_H

#include <hwk_kernels.h>

HWK_NO_SCRATCH(clamp_s8, clamp)

HWK_INLINE void hwk_clamp_s8(const hwk_clamp_t *d, const int8_t *input, int8_t *output,
                             void *scratch) {
  (void)scratch;
  for (int32_t i = 0; i < d->elements; ++i) {
    output[i] = (int8_t)hwk_clamp(input[i], d->low, d->high);
  }
}

#endif
