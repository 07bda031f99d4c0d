/* The last step of every kernel that sums. */
#ifndef HWK_STORE_H
#define HWK_STORE_H

#include <hwk_rescale.h>

/* Rescales the sum of `channel` and writes it as element `index` of the output. */
HWK_INLINE void hwk_store(const hwk_rescale_t *r, void *output, int32_t index, int32_t sum,
                          int32_t channel) {
  if (r->rounding == HWK_ROUND_NONE) {
    ((int32_t *)output)[index] = sum;
  } else {
    ((int8_t *)output)[index] = (int8_t)hwk_rescale(r, sum, channel);
  }
}

#endif
