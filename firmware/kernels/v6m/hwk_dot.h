/* The inner loop of the matrix product. */
#ifndef HWK_DOT_H
#define HWK_DOT_H

#include <hwk_kernels.h>

/* sum + the products of a row of weights and a column up to `end`, modulo 2^32; whole words of
 * weights, at least one. */
typedef int32_t hwk_dot_t(const int8_t *row, const int32_t *column, const int32_t *end, int32_t sum);

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

__attribute__((naked)) HWK_NOINLINE int32_t hwk_dot_s8(
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

/* A tap by the bits of r2 that a shift to the left and one to the right leave. */
#define HWK_DOT_BITS(left, right, with) \
  "lsls r3, r2, #" left "\n"            \
  "asrs r3, r3, #" right "\n"           \
  "muls " with ", r3, " with "\n"       \
  "add r8, " with "\n"

/* Packed 4-bit weights: 8 products in 36 instructions. */
__attribute__((naked)) HWK_NOINLINE int32_t hwk_dot_s4(
    __attribute__((unused)) const int8_t *row, __attribute__((unused)) const int32_t *column,
    __attribute__((unused)) const int32_t *end, __attribute__((unused)) int32_t sum) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "push {r4}\n"
      "mov r12, r2\n"
      "mov r8, r3\n"
      "1:\n"
      "ldmia r0!, {r2}\n"
      "ldmia r1!, {r4, r5, r6, r7}\n"
      HWK_DOT_BITS("28", "28", "r4")
      HWK_DOT_BITS("20", "28", "r5")
      HWK_DOT_BITS("12", "28", "r6")
      HWK_DOT_BITS("4", "28", "r7")
      "ldmia r1!, {r4, r5, r6, r7}\n"
      HWK_DOT_BITS("24", "28", "r4")
      HWK_DOT_BITS("16", "28", "r5")
      HWK_DOT_BITS("8", "28", "r6")
      HWK_DOT_BITS("0", "28", "r7")
      "cmp r1, r12\n"
      "bne 1b\n"
      "mov r0, r8\n"
      "pop {r4}\n"
      "mov r8, r4\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE int32_t hwk_dot_s4(const int8_t *row, const int32_t *column, const int32_t *end,
                              int32_t sum) {
  for (int32_t k = 0; column < end; ++column, ++k) {
    uint32_t weight = (uint32_t)hwk_row_weight_s4(row, k);
    sum = (int32_t)((uint32_t)sum + weight * (uint32_t)*column);
  }
  return sum;
}

HWK_INLINE int32_t hwk_dot_s8(const int8_t *row, const int32_t *column, const int32_t *end,
                              int32_t sum) {
  for (; column < end; ++column, ++row) {
    sum = (int32_t)((uint32_t)sum + (uint32_t)*row * (uint32_t)*column);
  }
  return sum;
}

#endif

#endif
