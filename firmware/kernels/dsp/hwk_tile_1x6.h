/* The inner loop of long depthwise kernels of one row at a stride of 1: six neighbouring outputs of
 * a channel, which share what they load.
 *
 * strip  columns in pairs, from the first output's on
 * pairs  of weights: in turn one from an even and one from an odd column
 * end    behind the pairs; at least one of each kind
 * sums   six, the first of them the bias before
 */
#ifndef HWK_TILE_1X6_H
#define HWK_TILE_1X6_H

#include <hwk_pairs.h>

#define HWK_OUTPUTS_OF_A_ROW 6

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* A pair of each kind, and a new pair of columns to c: 12 products in 8 instructions. */
#define HWK_1X6_PAIR(a, b, c)            \
  "ldr " c ", [r0], #4\n"                \
  "ldrd r2, lr, [r1], #8\n"              \
  "smlad r4, " a ", r2, r4\n"            \
  "smlad r5, " a ", lr, r5\n"            \
  "smlad r6, " b ", r2, r6\n"            \
  "smlad r7, " b ", lr, r7\n"            \
  "smlad r8, " c ", r2, r8\n"            \
  "smlad r9, " c ", lr, r9\n"            \
  "cmp r1, r3\n"

__attribute__((naked)) HWK_NOINLINE void hwk_strip_six(
    __attribute__((unused)) const int32_t *strip, __attribute__((unused)) const int32_t *pairs,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) const int32_t *end) {
  __asm__(
      ".syntax unified\n"
      "push.w {r2, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "ldr r4, [r2]\n"
      "ldmia.w r0!, {r10, r11}\n"
      "mov r5, r4\n"
      "mov r6, r4\n"
      "mov r7, r4\n"
      "mov r8, r4\n"
      "mov r9, r4\n"
      "1:\n" HWK_1X6_PAIR("r10", "r11", "r12")
      "beq.n 2f\n" HWK_1X6_PAIR("r11", "r12", "r10")
      "beq.n 2f\n" HWK_1X6_PAIR("r12", "r10", "r11")
      "bne.n 1b\n"
      "2:\n"
      "pop {r2}\n"
      "stmia.w r2, {r4, r5, r6, r7, r8, r9}\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

HWK_INLINE void hwk_strip_six(const int32_t *strip, const int32_t *pairs, int32_t *sums,
                              const int32_t *end) {
  int32_t bias = sums[0];
  for (int32_t k = 0; k < HWK_OUTPUTS_OF_A_ROW; ++k) {
    sums[k] = bias;
    for (int32_t p = 0; pairs + 2 * p != end; ++p) {
      sums[k] = hwk_mla_pair(sums[k], strip[k / 2 + p], pairs[2 * p + k % 2]);
    }
  }
}

#endif

#endif
