/* Rescaling without 64-bit products: the high word is put together from four products of halves,
 * where the descriptor proves that it decides. */
#ifndef HWK_RESCALE_H
#define HWK_RESCALE_H

#include <hwk_kernels.h>

/* sum + bits 32..63 of x * y + `low`, modulo 2^32; 0 <= y < 2^31.
 *
 * With x = xh * 2^16 + xl and y alike: middle = xh * yl + (xl * yl + low % 2^16 >> 16) lies in
 * -2^31 .. 2^31 - 1, and rest = xl * yh + middle % 2^16 + (low >> 16) in 0 .. 2^32 - 1. */
HWK_INLINE int32_t hwk_add_high_word(int32_t sum, int32_t x, int32_t y, uint32_t low) {
  uint32_t xl = (uint32_t)x & 0xffffu, yl = (uint32_t)y & 0xffffu;
  int32_t xh = x >> 16, yh = y >> 16;
  int32_t middle = xh * (int32_t)yl + (int32_t)((xl * yl + (low & 0xffffu)) >> 16);
  uint32_t rest = xl * (uint32_t)yh + ((uint32_t)middle & 0xffffu) + (low >> 16);
  return hwk_wrapping_add(hwk_wrapping_add(sum, xh * yh + (middle >> 16)), (int32_t)(rest >> 16));
}

/* sum + bits 32..63 of x * y, modulo 2^32; y is a multiplier. */
HWK_INLINE int32_t hwk_add_high(int32_t sum, int32_t x, int32_t y) {
  return hwk_add_high_word(sum, x, y, 0);
}

/* The same with the product rounded half up to a multiple of 2^32 first. */
HWK_INLINE int32_t hwk_add_high_rounded(int32_t sum, int32_t x, int32_t y) {
  return hwk_add_high_word(sum, x, y, 0x80000000u);
}

/* x in low .. high. All of int8 takes one comparison for most x. */
HWK_INLINE int32_t hwk_saturate(int32_t x, int32_t low, int32_t high) {
  if (low == -128 && high == 127) {
    return x == (int8_t)x ? x : (x >> 31) ^ 127;
  }
  return hwk_clamp(x, low, high);
}

#include <hwk_rescale_high.h>

#endif
