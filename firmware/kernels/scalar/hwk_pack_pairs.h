/* Pixels side by side in one register: x0 + 2^16 * x1. */
#ifndef HWK_PACK_PAIRS_H
#define HWK_PACK_PAIRS_H

#include <hwk_kernels.h>

/* Of `count` channels a word for every second one at `to`: of the pixel `lower`, and 2^16 times that
 * of `upper`. */
#if defined(__ARM_ARCH_6M__)

__attribute__((naked)) HWK_NOINLINE void hwk_pack_pairs(
    __attribute__((unused)) const int8_t *lower, __attribute__((unused)) const int8_t *upper,
    __attribute__((unused)) int32_t *to, __attribute__((unused)) int32_t count) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "lsls r3, r3, #3\n"
      "adds r3, r2, r3\n"
      "movs r6, #0\n"
      "1:\n"
      "ldrsb r4, [r0, r6]\n"
      "ldrsb r5, [r1, r6]\n"
      "lsls r5, r5, #16\n"
      "adds r4, r4, r5\n"
      "str r4, [r2]\n"
      "adds r6, #1\n"
      "adds r2, #8\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_NOINLINE void hwk_pack_pairs(const int8_t *lower, const int8_t *upper, int32_t *to,
                                 int32_t count) {
  for (const int8_t *end = lower + count; lower != end; to += 2) {
    *to = (int32_t)((uint32_t)*lower++ + ((uint32_t)*upper++ << 16));
  }
}

#endif

/* The same where one of both, or both, are NULL: padding. */
HWK_NOINLINE void hwk_pack_padded(const int8_t *lower, const int8_t *upper, int32_t zero_point,
                                  int32_t *to, int32_t count) {
#pragma GCC unroll 1
  for (int32_t k = 0; k < count; ++k, to += 2) {
    int32_t x0 = lower != NULL ? lower[k] : zero_point;
    int32_t x1 = upper != NULL ? upper[k] : zero_point;
    *to = (int32_t)((uint32_t)x0 + ((uint32_t)x1 << 16));
  }
}

#endif
