/* Rescaling with 32-bit registers: MULH where the descriptor proves it exact. */
#ifndef HWK_RESCALE_H
#define HWK_RESCALE_H

#include <hwk_kernels.h>

/* sum + bits 32..63 of x * y, modulo 2^32. */
HWK_INLINE int32_t hwk_add_high(int32_t sum, int32_t x, int32_t y) {
  return hwk_wrapping_add(sum, (int32_t)(((int64_t)x * y) >> 32));
}

/* The same with the product rounded half up to a multiple of 2^32 first: bit 31 carries. */
HWK_INLINE int32_t hwk_add_high_rounded(int32_t sum, int32_t x, int32_t y) {
  uint32_t low = (uint32_t)x * (uint32_t)y;
  return hwk_add_high(hwk_wrapping_add(sum, (int32_t)(low >> 31)), x, y);
}

/* x in low .. high. */
HWK_INLINE int32_t hwk_saturate(int32_t x, int32_t low, int32_t high) {
  return hwk_clamp(x, low, high);
}

#include <hwk_rescale_high.h>

#endif
