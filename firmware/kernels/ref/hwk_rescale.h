/* Rescaling, plain. */
#ifndef HWK_RESCALE_H
#define HWK_RESCALE_H

#include <hwk_rescale_exact.h>

/* x rescaled for `channel`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale(const hwk_rescale_t *r, int32_t x, int32_t channel) {
  return hwk_rescale_exact(r, x, channel);
}

#endif
