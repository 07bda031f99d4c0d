/* Rescaling with 32-bit registers: SMMLA and SMMLAR where the descriptor proves them exact. */
#ifndef HWK_RESCALE_H
#define HWK_RESCALE_H

#include <hwk_acle.h>

#include <hwk_kernels.h>

/* sum + bits 32..63 of x * y, modulo 2^32. */
HWK_INLINE int32_t hwk_add_high(int32_t sum, int32_t x, int32_t y) { return __smmla(x, y, sum); }

/* The same with the product rounded half up to a multiple of 2^32 first. */
HWK_INLINE int32_t hwk_add_high_rounded(int32_t sum, int32_t x, int32_t y) {
  return __smmlar(x, y, sum);
}

/* x in low .. high; all of int8_t takes one instruction. */
HWK_INLINE int32_t hwk_saturate(int32_t x, int32_t low, int32_t high) {
  return low == INT8_MIN && high == INT8_MAX ? __ssat(x, 8) : hwk_clamp(x, low, high);
}

#include <hwk_rescale_high.h>

#endif
