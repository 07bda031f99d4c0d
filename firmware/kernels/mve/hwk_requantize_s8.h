/* Rescales a tensor of int8_t integers, four at once. */
#ifndef HWK_REQUANTIZE_S8_H
#define HWK_REQUANTIZE_S8_H

#include <hwk_requantize_quads.h>

HWK_NO_SCRATCH(requantize_s8, requantize)

HWK_INLINE int32x4_t hwk_requantize_load_s8(const void *input, int32_t i, int32_t count) {
  return hwk_load_quad_s8((const int8_t *)input + i, count);
}

HWK_INLINE void hwk_requantize_s8(const hwk_requantize_t *d, const int8_t *input, void *output,
                                  void *scratch) {
  (void)scratch;
  hwk_requantize_quads(d, input, output, hwk_requantize_load_s8);
}

#endif
