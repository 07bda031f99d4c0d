/* The inner loop of depthwise convolution: a tap times two columns of two rows. */
#ifndef HWK_TAPS_2X2_H
#define HWK_TAPS_2X2_H

#include <hwk_kernels.h>

/* A tap of a channel: its weight, and how many bytes behind the first output's place its integers
 * lie. */
typedef struct {
  int32_t offset;
  int32_t weight;
} hwk_tap_t;

/* Taps come in whole steps of so many. */
#define HWK_TAPS_AT_ONCE 3

/* Two output rows of one channel: of each two columns the sums of the upper and the lower row in
 * the first, then in the second column.
 *
 * taps    of a channel, up to `end`
 * strips  for the first column the integers of the upper and the lower row, then of the next
 * sums    up to `sums_end`
 *
 * hwk_widen_rows widens two rows side by side, at least one column; their columns lie `step`
 * integers apart. */

#if defined(__ARM_ARCH_6M__)

/* Four products in 11 instructions. Sums lie in high registers, which only ADD reaches. */
#define HWK_TAP_2X2                \
  "ldmia r0!, {r1, r2}\n"          \
  "add r1, r12\n"                  \
  "ldmia r1!, {r4, r5, r6, r7}\n"  \
  "muls r4, r2, r4\n"              \
  "muls r5, r2, r5\n"              \
  "muls r6, r2, r6\n"              \
  "muls r7, r2, r7\n"              \
  "add r8, r4\n"                   \
  "add r9, r5\n"                   \
  "add r10, r6\n"                  \
  "add r11, r7\n"

__attribute__((naked)) HWK_NOINLINE void hwk_taps_2x2(
    __attribute__((unused)) const hwk_tap_t *taps, __attribute__((unused)) const int32_t *strips,
    __attribute__((unused)) const hwk_tap_t *end, __attribute__((unused)) int32_t *sums,
    __attribute__((unused)) const int32_t *sums_end, __attribute__((unused)) int32_t bias) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "push {r0, r4, r5, r6, r7}\n"
      "mov r12, r1\n"
      "mov lr, r2\n"
      "1:\n"
      "ldr r4, [sp, #44]\n" /* bias */
      "mov r8, r4\n"
      "mov r9, r4\n"
      "mov r10, r4\n"
      "mov r11, r4\n"
      "2:\n" HWK_TAP_2X2 HWK_TAP_2X2 HWK_TAP_2X2
      "cmp r0, lr\n"
      "bne 2b\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "stmia r3!, {r4, r5, r6, r7}\n"
      "movs r0, #16\n"
      "add r12, r0\n"
      "ldr r0, [sp]\n"      /* taps */
      "ldr r1, [sp, #40]\n" /* sums_end */
      "cmp r3, r1\n"
      "bne 1b\n"
      "pop {r0, r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

/* A column in 6 instructions. */
__attribute__((naked)) HWK_NOINLINE void hwk_widen_rows(
    __attribute__((unused)) const int8_t *upper, __attribute__((unused)) const int8_t *lower,
    __attribute__((unused)) int32_t *to, __attribute__((unused)) const int32_t *end,
    __attribute__((unused)) int32_t step) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "ldr r7, [sp, #20]\n"
      "movs r6, #0\n"
      "1:\n"
      "ldrsb r4, [r0, r6]\n"
      "ldrsb r5, [r1, r6]\n"
      "stmia r2!, {r4, r5}\n"
      "adds r6, r6, r7\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE void hwk_taps_2x2(const hwk_tap_t *taps, const int32_t *strips, const hwk_tap_t *end,
                             int32_t *sums, const int32_t *sums_end, int32_t bias) {
  for (; sums != sums_end; sums += 4, strips += 4) {
    for (int32_t n = 0; n < 4; ++n) {
      sums[n] = bias;
      for (const hwk_tap_t *tap = taps; tap != end; ++tap) {
        sums[n] = hwk_mla(sums[n], strips[tap->offset / 4 + n], tap->weight);
      }
    }
  }
}

HWK_INLINE void hwk_widen_rows(const int8_t *upper, const int8_t *lower, int32_t *to,
                               const int32_t *end, int32_t step) {
#pragma GCC unroll 1
  for (; to != end; to += 2, upper += step, lower += step) {
    to[0] = *upper;
    to[1] = *lower;
  }
}

#endif

#endif
