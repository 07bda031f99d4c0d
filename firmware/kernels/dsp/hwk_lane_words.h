/* Four integers of fewer than 8 bits in a word: eight signs flipped at once and one SSUB8 for four
 * bytes; limits by sums and differences that saturate. */
#ifndef HWK_LANE_WORDS_H
#define HWK_LANE_WORDS_H

#include <hwk_acle.h>

#include <hwk_kernel.h>

/* The low bits of each byte of a word. */
HWK_INLINE uint32_t hwk_low_bits(int32_t bits) { return ((1u << bits) - 1u) * 0x01010101u; }

/* Integers plus 2^(bits-1). */
HWK_INLINE uint32_t hwk_biased_lanes(uint32_t word, int32_t bits) {
  return word ^ (0xffffffffu / ((1u << bits) - 1u) << (bits - 1));
}

/* Bytes less 2^(bits-1). */
HWK_INLINE uint32_t hwk_signed_bytes(uint32_t word, int32_t bits) {
  return (uint32_t)__ssub8((int32_t)word, (int32_t)(0x01010101u << (bits - 1)));
}

/* How far a byte goes above the limits, and below, until it saturates, four times. */
typedef struct {
  int32_t above;
  int32_t below;
} hwk_limits_t;

HWK_INLINE hwk_limits_t hwk_limits(int32_t low, int32_t high) {
  hwk_limits_t limits = {
      (int32_t)((uint32_t)(127 - high) * 0x01010101u),
      (int32_t)((uint32_t)(low + 128) * 0x01010101u),
  };
  return limits;
}

HWK_INLINE uint32_t hwk_clamped_bytes(uint32_t word, const hwk_limits_t *limits) {
  int32_t bytes = __qsub8(__qadd8((int32_t)word, limits->above), limits->above);
  return (uint32_t)__qadd8(__qsub8(bytes, limits->below), limits->below);
}

#endif
