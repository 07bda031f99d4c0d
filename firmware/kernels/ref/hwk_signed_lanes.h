/* Signs of integers that leave their bytes' upper bits 0. */
#ifndef HWK_SIGNED_LANES_H
#define HWK_SIGNED_LANES_H

#include <hwk_kernel.h>

/* What hwk_signed_bytes wants of packed integers: here they stay. */
HWK_INLINE uint32_t hwk_biased_lanes(uint32_t word, int32_t bits) {
  (void)bits;
  return word;
}

/* Each byte's `bits` bits extended by their sign: x ^ 2^(bits-1), less as much, in bytes that borrow
 * from their own upper bit. */
HWK_INLINE uint32_t hwk_signed_bytes(uint32_t word, int32_t bits) {
  uint32_t signs = 0x01010101u << (bits - 1);
  return ((word ^ (signs | 0x80808080u)) - signs) ^ 0x80808080u;
}

/* Bytes to low .. high. */
HWK_NOINLINE void hwk_clamp_bytes(int8_t *bytes, int32_t count, int32_t low, int32_t high) {
#pragma GCC unroll 1
  for (int8_t *end = bytes + count; bytes < end; ++bytes) {
    *bytes = (int8_t)hwk_clamp(*bytes, low, high);
  }
}

#endif
