/* Four integers of fewer than 8 bits in a word: their signs, and their range. */
#ifndef HWK_LANE_WORDS_H
#define HWK_LANE_WORDS_H

#include <hwk_kernel.h>

/* The low bits of each byte of a word. */
HWK_INLINE uint32_t hwk_low_bits(int32_t bits) { return ((1u << bits) - 1u) * 0x01010101u; }

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

typedef struct {
  int32_t low;
  int32_t high;
} hwk_limits_t;

HWK_INLINE hwk_limits_t hwk_limits(int32_t low, int32_t high) {
  hwk_limits_t limits = {low, high};
  return limits;
}

/* Four bytes clamped; whole int8 is no limit. */
HWK_INLINE uint32_t hwk_clamped_bytes(uint32_t word, const hwk_limits_t *limits) {
  if (limits->low == -128 && limits->high == 127) {
    return word;
  }
  uint32_t clamped = 0;
  for (int32_t k = 0; k < 32; k += 8) {
    int32_t byte = (int8_t)(uint8_t)(word >> k);
    clamped |= (uint32_t)(uint8_t)hwk_clamp(byte, limits->low, limits->high) << k;
  }
  return clamped;
}

#endif
