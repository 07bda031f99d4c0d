/* What every kernel is built from: the two function kinds, wrapping sums, unaligned loads.
 *
 * Kernels are always-inline functions over a `const` descriptor. Called with a static const
 * descriptor they are specialised by the compiler, shape by shape; called with a run-time
 * descriptor (as the tests do) the same lines compile to a general kernel.
 */
#ifndef HWK_KERNEL_H
#define HWK_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HWK_INLINE static inline __attribute__((always_inline))
#define HWK_NOINLINE __attribute__((noinline, unused)) static

/* Before a function: compiled for size, with all that is inlined into it. */
#ifdef __clang__
#define HWK_SMALL __attribute__((minsize))
#else
#define HWK_SMALL
#endif

/* Tells the compiler that `condition` holds. */
#define HWK_ASSUME(condition) ((condition) ? (void)0 : __builtin_unreachable())

_Static_assert((-3 >> 1) == -2, "right shifts of negative integers must be arithmetic");

/* sum + a * b modulo 2^32; |a|, |b| <= 2^15. A graph's sums fit 32 bits but a partial sum need
 * not (a folded zero point can lead away and back), and modulo 2^32 the end result is the same. */
HWK_INLINE int32_t hwk_mla(int32_t sum, int32_t a, int32_t b) {
  return (int32_t)((uint32_t)sum + (uint32_t)(a * b));
}

/* a + b modulo 2^32. */
HWK_INLINE int32_t hwk_wrapping_add(int32_t a, int32_t b) {
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* x * 2^shift modulo 2^32; shift 0..31. */
HWK_INLINE int32_t hwk_wrapping_shift(int32_t x, int32_t shift) {
  return (int32_t)((uint32_t)x << shift);
}

HWK_INLINE int32_t hwk_min(int32_t a, int32_t b) { return a < b ? a : b; }
HWK_INLINE int32_t hwk_max(int32_t a, int32_t b) { return a > b ? a : b; }
HWK_INLINE int32_t hwk_clamp(int32_t x, int32_t low, int32_t high) {
  return hwk_min(hwk_max(x, low), high);
}

/* a rounded up to a multiple of `step`. */
HWK_INLINE int32_t hwk_round_up(int32_t a, int32_t step) { return (a + step - 1) / step * step; }

/* Copies bytes; inline where `size` is a small constant, also in a freestanding build, which
 * would call the function memcpy. */
#define hwk_copy(to, from, size) __builtin_memcpy(to, from, size)

/* Four bytes at any address, the first in bits 0..7 on a little-endian core. */
HWK_INLINE uint32_t hwk_load4(const void *bytes) {
  uint32_t word;
  hwk_copy(&word, bytes, sizeof word);
  return word;
}

/* The same from a multiple of 4, which lets neighbouring loads become one. */
HWK_INLINE uint32_t hwk_load4_aligned(const void *bytes) {
  return hwk_load4(__builtin_assume_aligned(bytes, 4));
}

#endif
