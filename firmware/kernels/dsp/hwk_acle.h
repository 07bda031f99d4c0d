/* The few Arm C Language Extensions that the kernels here use: as instructions on cores that have
 * them, in portable C elsewhere, so that the same kernels run on a host under the sanitizers and
 * inside a library (Arm, "Arm C Language Extensions", IHI 0053). */
#ifndef HWK_ACLE_H
#define HWK_ACLE_H

#if defined(__ARM_FEATURE_SIMD32)

#include <arm_acle.h>

/* SMMLA and SMMLAR, for which the extensions have no name: sum plus the high word of a product. */
static inline int32_t __smmla(int32_t x, int32_t y, int32_t sum) {
  int32_t result;
  __asm__("smmla %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
  return result;
}
static inline int32_t __smmlar(int32_t x, int32_t y, int32_t sum) {
  int32_t result;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
  return result;
}

#else

#include <stdint.h>

typedef int32_t int8x4_t;
typedef int32_t int16x2_t;

/* Low and high half of a pair. */
static inline int32_t low_half(int16x2_t pair) { return (int16_t)(uint16_t)(uint32_t)pair; }
static inline int32_t high_half(int16x2_t pair) {
  return (int16_t)(uint16_t)((uint32_t)pair >> 16);
}

/* Rotates right. */
static inline uint32_t __ror(uint32_t x, uint32_t by) {
  return by % 32 == 0 ? x : x >> (by % 32) | x << (32 - by % 32);
}

/* Sign-extends bytes 0 and 2 to 16 bits. */
static inline int16x2_t __sxtb16(int8x4_t bytes) {
  uint32_t word = (uint32_t)bytes;
  uint32_t low = (uint16_t)(int8_t)(uint8_t)word;
  uint32_t high = (uint16_t)(int8_t)(uint8_t)(word >> 16);
  return (int16x2_t)(low | high << 16);
}

/* Sums and differences of halves, each modulo 2^16. */
static inline int16x2_t __sadd16(int16x2_t a, int16x2_t b) {
  uint32_t low = (uint32_t)(low_half(a) + low_half(b)) & 0xffffu;
  return (int16x2_t)(low | (uint32_t)(high_half(a) + high_half(b)) << 16);
}
static inline int16x2_t __ssub16(int16x2_t a, int16x2_t b) {
  uint32_t low = (uint32_t)(low_half(a) - low_half(b)) & 0xffffu;
  return (int16x2_t)(low | (uint32_t)(high_half(a) - high_half(b)) << 16);
}

/* Differences of bytes, each modulo 2^8. */
static inline int8x4_t __ssub8(int8x4_t a, int8x4_t b) {
  uint32_t upper = 0x80808080u, x = (uint32_t)a, y = (uint32_t)b;
  return (int8x4_t)(((x | upper) - (y & ~upper)) ^ ((x ^ ~y) & upper));
}

/* Byte `k` of a word, and a word of four integers that saturate to bytes. */
static inline int32_t signed_byte(int8x4_t word, uint32_t k) {
  return (int8_t)(uint8_t)((uint32_t)word >> 8 * k);
}
static inline uint32_t saturated_byte(int32_t x, uint32_t k) {
  int32_t fits = x > 127 ? 127 : x < -128 ? -128 : x;
  return (uint32_t)(uint8_t)(int8_t)fits << 8 * k;
}

/* Sums and differences of bytes that saturate. */
static inline int8x4_t __qadd8(int8x4_t a, int8x4_t b) {
  uint32_t sums = 0;
  for (uint32_t k = 0; k < 4; ++k) {
    sums |= saturated_byte(signed_byte(a, k) + signed_byte(b, k), k);
  }
  return (int8x4_t)sums;
}
static inline int8x4_t __qsub8(int8x4_t a, int8x4_t b) {
  uint32_t sums = 0;
  for (uint32_t k = 0; k < 4; ++k) {
    sums |= saturated_byte(signed_byte(a, k) - signed_byte(b, k), k);
  }
  return (int8x4_t)sums;
}

/* Saturates to `bits` signed bits, 1 .. 32. */
static inline int32_t __ssat(int32_t x, uint32_t bits) {
  int32_t high = (int32_t)((1u << (bits - 1)) - 1);
  return x > high ? high : x < -high - 1 ? -high - 1 : x;
}

/* Two 16-bit products added to a sum, modulo 2^32. */
static inline int32_t __smlad(int16x2_t a, int16x2_t b, int32_t sum) {
  uint32_t low = (uint32_t)(low_half(a) * low_half(b));
  uint32_t high = (uint32_t)(high_half(a) * high_half(b));
  return (int32_t)((uint32_t)sum + low + high);
}

/* One half of a times the other half of b (low by high, high by low), added to a sum modulo
 * 2^32. */
static inline int32_t __smlabt(int16x2_t a, int16x2_t b, int32_t sum) {
  return (int32_t)((uint32_t)sum + (uint32_t)(low_half(a) * high_half(b)));
}
static inline int32_t __smlatb(int16x2_t a, int16x2_t b, int32_t sum) {
  return (int32_t)((uint32_t)sum + (uint32_t)(high_half(a) * low_half(b)));
}

/* sum plus bits 32..63 of x * y, modulo 2^32. */
static inline int32_t __smmla(int32_t x, int32_t y, int32_t sum) {
  return (int32_t)((uint32_t)sum + (uint32_t)(((int64_t)x * y) >> 32));
}

/* The same with the product rounded half up to a multiple of 2^32. */
static inline int32_t __smmlar(int32_t x, int32_t y, int32_t sum) {
  return (int32_t)((uint32_t)sum + (uint32_t)(((int64_t)x * y + 0x80000000LL) >> 32));
}

#endif

#endif
