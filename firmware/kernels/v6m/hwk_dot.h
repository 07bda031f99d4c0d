/* The inner loop of the matrix product. */
#ifndef HWK_DOT_H
#define HWK_DOT_H

#include <hwk_kernels.h>

/* sum + the products of a row of weights and a column up to `end`, modulo 2^32; a multiple of
 * four taps, at least four. */

#if defined(__ARM_ARCH_6M__)

/* Four taps: 4 products in 16 instructions. Unrolled twice, entered in the middle when the number
 * of fours is odd. */
#define HWK_DOT_STEP              \
  "ldmia r0!, {r2}\n"             \
  "ldmia r1!, {r4, r5, r6, r7}\n" \
  "sxtb r3, r2\n"                 \
  "muls r4, r3, r4\n"             \
  "add r8, r4\n"                  \
  "lsls r3, r2, #16\n"            \
  "asrs r3, r3, #24\n"            \
  "muls r5, r3, r5\n"             \
  "add r8, r5\n"                  \
  "lsls r3, r2, #8\n"             \
  "asrs r3, r3, #24\n"            \
  "muls r6, r3, r6\n"             \
  "add r8, r6\n"                  \
  "asrs r3, r2, #24\n"            \
  "muls r7, r3, r7\n"             \
  "add r8, r7\n"

__attribute__((naked)) HWK_NOINLINE int32_t hwk_dot(
    __attribute__((unused)) const int8_t *row, __attribute__((unused)) const int32_t *column,
    __attribute__((unused)) const int32_t *end, __attribute__((unused)) int32_t sum) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "push {r4}\n"
      "mov r12, r2\n"
      "mov r8, r3\n"
      "subs r2, r2, r1\n"
      "lsls r2, r2, #27\n" /* bit 4, an odd four, becomes the sign */
      "bmi 2f\n"
      "1:\n" HWK_DOT_STEP
      "2:\n" HWK_DOT_STEP
      "cmp r1, r12\n"
      "bne 1b\n"
      "mov r0, r8\n"
      "pop {r4}\n"
      "mov r8, r4\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE int32_t hwk_dot(const int8_t *row, const int32_t *column, const int32_t *end,
                           int32_t sum) {
  for (; column < end; ++column, ++row) {
    sum = (int32_t)((uint32_t)sum + (uint32_t)*row * (uint32_t)*column);
  }
  return sum;
}

#endif

#endif
