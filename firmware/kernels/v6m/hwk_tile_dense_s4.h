/* The inner loop of the matrix product with two taps in one product, packed 4-bit weights: four rows. */
#ifndef HWK_TILE_DENSE_S4_H
#define HWK_TILE_DENSE_S4_H

#include <hwk_dense_blocks.h>

/* Adds the products of a group's rows and the column to the sums, modulo 2^32; the end of its words. */

#if defined(__ARM_ARCH_6M__)

/* Two taps by what a shift of the weights in r2 and the mask in r1 leave, into r3. */
#define HWK_DENSE_TAPS(shift, x) \
  "lsrs r3, r2, #" shift "\n"    \
  "ands r3, r1\n"                \
  "muls r3, " x ", r3\n"

/* Eight taps of a row, with r4 .. r7 and lr of the column. */
#define HWK_DENSE_ROW_S4(sum) \
  "ldmia r0!, {r2}\n"         \
  HWK_DENSE_TAPS("4", "r5")   \
  "mov r12, r3\n"             \
  HWK_DENSE_TAPS("8", "r6")   \
  "add r12, r3\n"             \
  HWK_DENSE_TAPS("12", "r7")  \
  "muls r2, r4, r2\n"         \
  "adds r2, r2, r3\n"         \
  "add r2, r12\n"             \
  "add r2, lr\n"              \
  "asrs r2, r2, #16\n"        \
  "add " sum ", r2\n"

/* 32 products in 81 instructions. */
__attribute__((naked)) HWK_NOINLINE const int32_t *hwk_dense_group_s4(
    __attribute__((unused)) const int32_t *stream, __attribute__((unused)) const int32_t *column,
    __attribute__((unused)) int32_t *sums) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "ldmia r0!, {r3}\n"
      "adds r3, r3, r1\n"
      "push {r1, r2, r3, r4, r5, r6, r7}\n" /* column, sums, the column's end */
      "ldmia r2!, {r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "movs r1, #15\n"
      "lsls r2, r1, #16\n"
      "orrs r1, r2\n"
      "1:\n"
      "ldr r2, [sp]\n"
      "ldmia r2!, {r4, r5, r6, r7}\n"
      "ldmia r2!, {r3}\n"
      "str r2, [sp]\n"
      "mov lr, r3\n"
      HWK_DENSE_ROW_S4("r8")
      HWK_DENSE_ROW_S4("r9")
      HWK_DENSE_ROW_S4("r10")
      HWK_DENSE_ROW_S4("r11")
      "ldr r2, [sp]\n"
      "ldr r3, [sp, #8]\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "ldr r3, [sp, #4]\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "stmia r3!, {r4, r5, r6, r7}\n"
      "pop {r1, r2, r3, r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE const int32_t *hwk_dense_group_s4(const int32_t *stream, const int32_t *column,
                                             int32_t *sums) {
  return hwk_dense_runs_s4(stream, column, sums);
}

#endif

#endif
