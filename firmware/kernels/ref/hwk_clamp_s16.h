/* Limits a tensor of int16_t integers to a range. */
#ifndef HWK_CLAMP_S16_H
#define HWK_CLAMP_S16_H

#include <hwk_kernels.h>

HWK_NO_SCRATCH(clamp_s16, clamp)

HWK_INLINE void hwk_clamp_s16(const hwk_clamp_t *d, const int16_t *input, int16_t *output,
                              void *scratch) {
  (void)scratch;
  for (int32_t i = 0; i < d->elements; ++i) {
    output[i] = (int16_t)hwk_clamp(input[i], d->low, d->high);
  }
}

#endif
