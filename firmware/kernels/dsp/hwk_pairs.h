/* Pairs of 16-bit integers in a register, made from bytes. */
#ifndef HWK_PAIRS_H
#define HWK_PAIRS_H

#include <hwk_acle.h>

#include <hwk_kernels.h>

/* Keeps a pointer in a register that is counted up: the compiler, knowing its constant address,
 * would build it anew in every step of a loop. */
#define HWK_IN_REGISTER(pointer) __asm__("" : "+r"(pointer))

/* Nothing is moved across: keeps loads next to their use where all registers are taken. */
#define HWK_KEEP_ORDER() __asm__ volatile("" ::: "memory")

/* Bytes 0 and 2, sign-extended; `bytes` as loaded, the first byte lowest. */
HWK_INLINE int32_t hwk_even_pair(uint32_t bytes) { return (int32_t)__sxtb16((int8x4_t)bytes); }

/* Bytes 1 and 3. */
HWK_INLINE int32_t hwk_odd_pair(uint32_t bytes) {
  return (int32_t)__sxtb16((int8x4_t)__ror(bytes, 8));
}

/* sum + a.low * b.low + a.high * b.high, modulo 2^32. */
HWK_INLINE int32_t hwk_mla_pair(int32_t sum, int32_t a, int32_t b) { return __smlad(a, b, sum); }

/* sum + a.low * b.high, and sum + a.high * b.low, modulo 2^32. */
HWK_INLINE int32_t hwk_mla_low_high(int32_t sum, int32_t a, int32_t b) {
  return __smlabt(a, b, sum);
}
HWK_INLINE int32_t hwk_mla_high_low(int32_t sum, int32_t a, int32_t b) {
  return __smlatb(a, b, sum);
}

/* Low halves of a and b, a's lowest. */
HWK_INLINE uint32_t hwk_low_halves(uint32_t a, uint32_t b) { return (a & 0xffffu) | (b << 16); }

/* High halves of a and b, a's lowest. */
HWK_INLINE uint32_t hwk_high_halves(uint32_t a, uint32_t b) {
  return (a >> 16) | (b & 0xffff0000u);
}

/* Eight packed weights, each times 16: weights 0..3 in *low, 4..7 in *high, a byte each. */
HWK_INLINE void hwk_unpack_s4(uint32_t packed, uint32_t *low, uint32_t *high) {
  *low = (packed << 4) & 0xf0f0f0f0u;
  *high = packed & 0xf0f0f0f0u;
}

#endif
