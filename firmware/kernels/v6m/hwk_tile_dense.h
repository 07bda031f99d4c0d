/* The inner loop of the matrix product with two taps in one product: four rows. */
#ifndef HWK_TILE_DENSE_H
#define HWK_TILE_DENSE_H

#include <hwk_dense_blocks.h>

/* Adds the products of a group's rows and the column to the sums, modulo 2^32; the end of its runs. */

#if defined(__ARM_ARCH_6M__)

/* Four taps of a row, with r4, r5 and r6 of the column and the mask in r7. */
#define HWK_DENSE_ROW(sum)  \
  "ldmia r0!, {r2}\n"       \
  "lsrs r3, r2, #8\n"       \
  "ands r3, r7\n"           \
  "muls r2, r4, r2\n"       \
  "muls r3, r5, r3\n"       \
  "adds r2, r2, r3\n"       \
  "adds r2, r2, r6\n"       \
  "asrs r2, r2, #16\n"      \
  "add " sum ", r2\n"

/* The taps of both halves apart: r4 and r5 meet them, r6 and lr are added. */
#define HWK_DENSE_APART(sum) \
  "ldmia r0!, {r2}\n"        \
  "lsrs r3, r2, #8\n"        \
  "ands r3, r7\n"            \
  "ands r2, r7\n"            \
  "muls r2, r4, r2\n"        \
  "muls r3, r5, r3\n"        \
  "adds r2, r2, r6\n"        \
  "add r3, lr\n"             \
  "asrs r2, r2, #16\n"       \
  "asrs r3, r3, #16\n"       \
  "add " sum ", r2\n"        \
  "add " sum ", r3\n"

/* 16 products in 39 instructions. */
__attribute__((naked)) HWK_NOINLINE const int32_t *hwk_dense_group(
    __attribute__((unused)) const int32_t *stream, __attribute__((unused)) const int32_t *column,
    __attribute__((unused)) int32_t *sums) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "push {r2, r4, r5, r6, r7}\n"
      "ldmia r2!, {r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "movs r7, #255\n"
      "lsls r2, r7, #16\n"
      "orrs r7, r2\n"
      "2:\n"
      "ldmia r0!, {r2}\n"
      "adds r2, r2, r1\n"
      "mov r12, r2\n"
      "b 4f\n"
      "3:\n"
      "ldmia r1!, {r4, r5, r6}\n"
      HWK_DENSE_ROW("r8")
      HWK_DENSE_ROW("r9")
      HWK_DENSE_ROW("r10")
      HWK_DENSE_ROW("r11")
      "4:\n"
      "cmp r1, r12\n"
      "blo 3b\n"
      "bhi 5f\n" /* the last run ends one byte early */
      "ldmia r1!, {r4, r5, r6}\n"
      "movs r2, #128\n"
      "lsls r3, r2, #8\n"
      "adds r6, r6, r3\n" /* what both halves add */
      "lsls r2, r3, #8\n"
      "adds r2, #128\n"
      "muls r2, r4, r2\n"
      "subs r2, r3, r2\n"
      "subs r6, r6, r2\n"
      "mov lr, r6\n"
      "mov r6, r2\n"
      "lsls r2, r4, #8\n"
      "adds r5, r5, r2\n"
      HWK_DENSE_APART("r8")
      HWK_DENSE_APART("r9")
      HWK_DENSE_APART("r10")
      HWK_DENSE_APART("r11")
      "b 2b\n"
      "5:\n"
      "ldr r1, [sp]\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "stmia r1!, {r4, r5, r6, r7}\n"
      "pop {r2, r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE const int32_t *hwk_dense_group(const int32_t *stream, const int32_t *column,
                                          int32_t *sums) {
  return hwk_dense_runs(stream, column, sums);
}

#endif

#endif
