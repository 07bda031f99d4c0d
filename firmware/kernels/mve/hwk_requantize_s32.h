/* Rescales a tensor of int32_t integers, four at once. */
#ifndef HWK_REQUANTIZE_S32_H
#define HWK_REQUANTIZE_S32_H

#include <hwk_requantize_quads.h>

HWK_NO_SCRATCH(requantize_s32, requantize)

HWK_INLINE int32x4_t hwk_requantize_load_s32(const void *input, int32_t i, int32_t count) {
  return hwk_load_quad((const int32_t *)input + i, count);
}

HWK_INLINE void hwk_requantize_s32(const hwk_requantize_t *d, const int32_t *input, void *output,
                                   void *scratch) {
  (void)scratch;
  hwk_requantize_quads(d, input, output, hwk_requantize_load_s32);
}

#endif
