/* Signs of integers that leave their bytes' upper bits 0: eight flipped at once, one SSUB8 for four
 * bytes. */
#ifndef HWK_SIGNED_LANES_H
#define HWK_SIGNED_LANES_H

#include <hwk_acle.h>

#include <hwk_kernel.h>

/* Integers plus 2^(bits-1). */
HWK_INLINE uint32_t hwk_biased_lanes(uint32_t word, int32_t bits) {
  return word ^ (0xffffffffu / ((1u << bits) - 1u) << (bits - 1));
}

/* Bytes less 2^(bits-1). */
HWK_INLINE uint32_t hwk_signed_bytes(uint32_t word, int32_t bits) {
  return (uint32_t)__ssub8((int32_t)word, (int32_t)(0x01010101u << (bits - 1)));
}

/* Bytes to low .. high, whole words of them: sums and differences that saturate. */
HWK_NOINLINE void hwk_clamp_bytes(int8_t *bytes, int32_t count, int32_t low, int32_t high) {
  int32_t above = (127 - high) * 0x01010101, below = (low + 128) * 0x01010101;
#pragma GCC unroll 1
  for (const int8_t *end = bytes + count; bytes < end; bytes += 4) {
    int32_t word = (int32_t)hwk_load4_aligned(bytes);
    word = __qsub8(__qadd8(word, above), above);
    word = __qadd8(__qsub8(word, below), below);
    hwk_copy(__builtin_assume_aligned(bytes, 4), &word, 4);
  }
}

#endif
