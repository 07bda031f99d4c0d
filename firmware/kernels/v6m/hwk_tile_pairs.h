/* The inner loop of convolution in pairs: a channel at four pixels. */
#ifndef HWK_TILE_PAIRS_H
#define HWK_TILE_PAIRS_H

#include <hwk_pairs.h>

#define HWK_PAIRS_ROWS 1

/* All channels of four pixels, `outputs` bytes from each other at `output`; `stream` as
 * hwk_conv2d_pairs.h has it, of `groups` groups. */

#if defined(__ARM_ARCH_6M__)

/* Two pairs times the weight in r2: a sum's first tap, with 2^15 from r12, and further ones. */
#define HWK_PAIRS_FIRST         \
  "ldmia r1!, {r6, r7}\n"       \
  "muls r6, r2, r6\n"           \
  "muls r7, r2, r7\n"           \
  "add r6, r12\n"               \
  "add r7, r12\n"
#define HWK_PAIRS_NEXT          \
  "ldmia r1!, {r4, r5}\n"       \
  "muls r4, r2, r4\n"           \
  "muls r5, r2, r5\n"           \
  "adds r6, r6, r4\n"           \
  "adds r7, r7, r5\n"

/* Takes the sums apart. */
#define HWK_PAIRS_APART         \
  "add r8, r6\n"                \
  "asrs r6, r6, #16\n"          \
  "add r10, r6\n"               \
  "add r9, r7\n"                \
  "asrs r7, r7, #16\n"          \
  "add r11, r7\n"

#define HWK_PAIRS_WEIGHT_0 "ldmia r0!, {r3}\n" "sxtb r2, r3\n"
#define HWK_PAIRS_WEIGHT_1 "lsls r2, r3, #16\n" "asrs r2, r2, #24\n"
#define HWK_PAIRS_WEIGHT_2 "lsls r2, r3, #8\n" "asrs r2, r2, #24\n"
#define HWK_PAIRS_WEIGHT_3 "asrs r2, r3, #24\n"

/* Rescales the sum in r4 by r12 last, r2 and r3 the multiplier's upper and lower bits, lr offset,
 * writes it to r6 and goes on by r7. */
#define HWK_PAIRS_CLAMP         \
  "cmp r4, r12\n"               \
  "bls 7f\n"                    \
  "asrs r4, r4, #31\n"          \
  "mvns r4, r4\n"               \
  "mov r5, r12\n"               \
  "ands r4, r5\n"               \
  "7:\n"                        \
  "mov r5, r4\n"                \
  "muls r5, r3, r5\n"           \
  "lsrs r5, r5, #12\n"          \
  "add r5, lr\n"
#define HWK_PAIRS_WRITE         \
  "muls r4, r2, r4\n"           \
  "adds r4, r4, r5\n"           \
  "asrs r4, r4, #24\n"          \
  "strb r4, [r6]\n"             \
  "adds r6, r6, r7\n"
#define HWK_PAIRS_STORE HWK_PAIRS_CLAMP HWK_PAIRS_WRITE

/* The same with r1 zero and r0 step. */
#define HWK_PAIRS_STORE_LINES   \
  HWK_PAIRS_CLAMP               \
  "cmp r4, r1\n"                \
  "bhs 7f\n"                    \
  "adds r5, r5, r0\n"           \
  "7:\n"                        \
  HWK_PAIRS_WRITE

/* The sum of a pair's lower pixel, then that of its upper one. */
#define HWK_PAIRS_STORE_BOTH(STORE, pair, upper)   \
  "mov r4, " upper "\n"                            \
  "lsls r4, r4, #16\n"                             \
  "mov r5, " pair "\n"                             \
  "subs r4, r5, r4\n"                              \
  STORE                                            \
  "mov r4, " upper "\n"                            \
  STORE

/* 16 products in 35 instructions; a rescaled output in 14. */
__attribute__((naked)) HWK_NOINLINE void hwk_tile_pairs(
    __attribute__((unused)) const int32_t *stream, __attribute__((unused)) const int32_t *columns,
    __attribute__((unused)) int8_t *output, __attribute__((unused)) int32_t outputs,
    __attribute__((unused)) int32_t groups) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "push {r0, r1, r2, r3, r4, r5, r6, r7}\n"
      "1:\n"
      "ldmia r0!, {r1, r2, r3}\n" /* channel, pair, upper */
      "mov r8, r2\n"
      "mov r9, r2\n"
      "mov r10, r3\n"
      "mov r11, r3\n"
      "movs r2, #128\n"
      "lsls r2, r2, #8\n"
      "mov r12, r2\n"
      "ldr r1, [sp, #4]\n" /* columns */
      "2:\n"
      "ldmia r0!, {r2}\n"
      "adds r2, r2, r1\n"
      "mov lr, r2\n"
      "b 4f\n"
      "3:\n"
      HWK_PAIRS_WEIGHT_0 HWK_PAIRS_FIRST
      HWK_PAIRS_WEIGHT_1 HWK_PAIRS_NEXT
      HWK_PAIRS_WEIGHT_2 HWK_PAIRS_NEXT
      HWK_PAIRS_WEIGHT_3 HWK_PAIRS_NEXT
      HWK_PAIRS_APART
      "4:\n"
      "cmp r1, lr\n"
      "blo 3b\n"
      "bhi 5f\n" /* the last run ends one byte early */
      HWK_PAIRS_WEIGHT_0 HWK_PAIRS_FIRST
      HWK_PAIRS_WEIGHT_1 HWK_PAIRS_NEXT
      HWK_PAIRS_APART
      HWK_PAIRS_WEIGHT_2 HWK_PAIRS_FIRST
      HWK_PAIRS_WEIGHT_3 HWK_PAIRS_NEXT
      HWK_PAIRS_APART
      "b 2b\n"
      "5:\n"
      "ldmia r0!, {r3, r4, r5}\n" /* 2 * last, multiplier, offset */
      "lsls r5, r5, #8\n"
      "mov lr, r5\n"
      "ldr r6, [sp, #8]\n"  /* output */
      "ldr r7, [sp, #12]\n" /* outputs */
      "adds r5, r6, #1\n"
      "str r5, [sp, #8]\n"
      "lsrs r2, r4, #12\n"
      "lsrs r5, r3, #1\n" /* bit 0: two lines */
      "mov r12, r5\n"
      "bcs 9f\n"
      "lsls r3, r4, #20\n"
      "lsrs r3, r3, #20\n"
      HWK_PAIRS_STORE_BOTH(HWK_PAIRS_STORE, "r8", "r10")
      HWK_PAIRS_STORE_BOTH(HWK_PAIRS_STORE, "r9", "r11")
      "b 8f\n"
      "9:\n"
      "lsls r3, r4, #20\n"
      "lsrs r3, r3, #20\n"
      "ldmia r0!, {r1, r4}\n" /* zero, step */
      "str r0, [sp]\n"
      "lsls r0, r4, #8\n"
      HWK_PAIRS_STORE_BOTH(HWK_PAIRS_STORE_LINES, "r8", "r10")
      HWK_PAIRS_STORE_BOTH(HWK_PAIRS_STORE_LINES, "r9", "r11")
      "ldr r0, [sp]\n"
      "8:\n"
      "ldr r4, [sp, #52]\n" /* groups */
      "subs r4, #1\n"
      "str r4, [sp, #52]\n"
      "beq 6f\n"
      "b 1b\n"
      "6:\n"
      "pop {r0, r1, r2, r3, r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE void hwk_tile_pairs(const int32_t *stream, const int32_t *columns, int8_t *output,
                               int32_t outputs, int32_t groups) {
  for (; groups > 0; --groups) {
    stream = hwk_pairs_group(stream, columns, output, outputs, HWK_PAIRS_ROWS);
  }
}

#endif

/* All channels of four pixels. */
HWK_INLINE void hwk_pairs_channels(const int32_t *stream, const int32_t *columns, int8_t *output,
                                   int32_t outputs) {
  hwk_tile_pairs(stream, columns, output, outputs, outputs);
}

#endif
