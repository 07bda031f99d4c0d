/* Any function of one integer, by table: int16_t to int8_t. */
#ifndef HWK_LOOKUP_S16_S8_H
#define HWK_LOOKUP_S16_S8_H

#include <hwk_kernels.h>

HWK_NO_SCRATCH(lookup_s16_s8, lookup)

HWK_INLINE void hwk_lookup_s16_s8(const hwk_lookup_t *d, const int16_t *input, int8_t *output,
                                  void *scratch) {
  (void)scratch;
  const int8_t *table = d->table;
  for (int32_t i = 0; i < d->elements; ++i) {
    output[i] = table[input[i] - d->input_low];
  }
}

#endif
