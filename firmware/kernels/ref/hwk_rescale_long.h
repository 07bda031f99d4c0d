/* Rescaling of sums of 64 bits. */
#ifndef HWK_RESCALE_LONG_H
#define HWK_RESCALE_LONG_H

#include <hwk_store.h>

/* sum + a * b. */
HWK_INLINE int64_t hwk_mla_long(int64_t sum, int32_t a, int32_t b) {
  return sum + (int64_t)(a * b);
}

/* Rescales a sum and writes it as element `index` of the output. No rounding is double, no left
 * shift: the product and its offset fit 64 bits (hwk_descriptors.h). */
HWK_INLINE void hwk_store_long(const hwk_rescale_t *r, void *output, int32_t index, int64_t sum,
                               int32_t channel) {
  hwk_channel_t scale = hwk_channel_entries(r, channel);
  /* Modulo 2^64: the product alone may leave it where an offset leads back. */
  uint64_t product = (uint64_t)sum * (uint64_t)(int64_t)scale.multiplier;
  int64_t p = (int64_t)(product + (uint64_t)scale.offset);
  int64_t scaled = hwk_round_shift(p, scale.shift, r->rounding) + r->zero_point;
  int32_t result = (int32_t)(scaled < r->low ? r->low : scaled > r->high ? r->high : scaled);
  hwk_write(output, r->output_bytes, index, result);
}

#endif
