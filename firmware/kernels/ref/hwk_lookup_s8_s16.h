/* Any function of one integer, by table: int8_t to int16_t. */
#ifndef HWK_LOOKUP_S8_S16_H
#define HWK_LOOKUP_S8_S16_H

#include <hwk_kernels.h>

HWK_NO_SCRATCH(lookup_s8_s16, lookup)

HWK_INLINE void hwk_lookup_s8_s16(const hwk_lookup_t *d, const int8_t *input, int16_t *output,
                                  void *scratch) {
  (void)scratch;
  const int16_t *table = d->table;
  for (int32_t i = 0; i < d->elements; ++i) {
    output[i] = table[input[i] - d->input_low];
  }
}

#endif
