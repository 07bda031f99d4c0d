/* Two rows of sums rescaled and written. */
#ifndef HWK_STORE_STAIRS_H
#define HWK_STORE_STAIRS_H

#include <hwk_stairs.h>

/* Of each column the sums of the upper and the lower row, up to `end`, at least one column. The upper
 * row goes to `output`, `step` bytes from column to column, the lower one `below` bytes behind it;
 * where that is 0 it is written over. `factors` are last, multiplier and offset. */

#if defined(__ARM_ARCH_6M__)

/* By r12 last, r2 and r3 the multiplier's upper and lower bits, lr offset. */
#define HWK_STAIRS_RESCALE(x)    \
  "cmp " x ", r12\n"             \
  "bls 7f\n"                     \
  "asrs " x ", " x ", #31\n"     \
  "mvns " x ", " x "\n"          \
  "mov r5, r12\n"                \
  "ands " x ", r5\n"             \
  "7:\n"                         \
  "mov r5, " x "\n"              \
  "muls r5, r3, r5\n"            \
  "lsrs r5, r5, #12\n"           \
  "muls " x ", r2, " x "\n"      \
  "adds " x ", " x ", r5\n"      \
  "add " x ", lr\n"              \
  "asrs " x ", " x ", #24\n"

/* A column in 24 instructions, 4 more for each sum that is clamped. */
__attribute__((naked)) HWK_NOINLINE void hwk_store_stairs(
    __attribute__((unused)) const int32_t *factors, __attribute__((unused)) const int32_t *sums,
    __attribute__((unused)) int8_t *output, __attribute__((unused)) int32_t below,
    __attribute__((unused)) const int32_t *end, __attribute__((unused)) int32_t step) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "push {r4, r5}\n"
      "ldr r4, [sp, #28]\n"
      "mov r8, r4\n" /* end */
      "ldr r4, [sp, #32]\n"
      "mov r9, r4\n" /* step */
      "mov r6, r2\n"
      "mov r7, r1\n"
      "mov r1, r3\n"
      "ldmia r0!, {r3, r4, r5}\n"
      "mov r0, r7\n"
      "mov r12, r3\n"
      "lsls r5, r5, #8\n"
      "mov lr, r5\n"
      "lsrs r2, r4, #12\n"
      "lsls r3, r4, #20\n"
      "lsrs r3, r3, #20\n"
      "1:\n"
      "ldmia r0!, {r4, r7}\n"
      HWK_STAIRS_RESCALE("r7")
      "strb r7, [r6, r1]\n"
      HWK_STAIRS_RESCALE("r4")
      "strb r4, [r6]\n"
      "add r6, r9\n"
      "cmp r0, r8\n"
      "bne 1b\n"
      "pop {r4, r5}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE void hwk_store_stairs(const int32_t *factors, const int32_t *sums, int8_t *output,
                                 int32_t below, const int32_t *end, int32_t step) {
  for (; sums != end; sums += 2, output += step) {
    output[below] = hwk_staircase(sums[1], factors);
    output[0] = hwk_staircase(sums[0], factors);
  }
}

#endif

#endif
