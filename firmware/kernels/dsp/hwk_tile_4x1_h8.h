/* The inner loop of dense layers on hwk_h8.h: four channels times one column, all in turn. */
#ifndef HWK_TILE_4X1_H8_H
#define HWK_TILE_4X1_H8_H

#include <hwk_h8.h>

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* Four taps: 16 products in 14 instructions; every register but the stack pointer is taken. */
#define HWK_H8_ROWS_STEP                       \
  "ldmia.w r1!, {r2, r3, r8, r9}\n"            \
  "ldmia.w r0!, {r12, lr}\n"                   \
  "smlad r4, r2, r12, r4\n"                    \
  "smlad r5, r3, r12, r5\n"                    \
  "smlad r6, r8, r12, r6\n"                    \
  "smlad r7, r9, r12, r7\n"                    \
  "sxtb16 r2, r2\n"                            \
  "sxtb16 r3, r3\n"                            \
  "sxtb16 r8, r8\n"                            \
  "sxtb16 r9, r9\n"                            \
  "smlad r4, r2, lr, r4\n"                     \
  "smlad r5, r3, lr, r5\n"                     \
  "smlad r6, r8, lr, r6\n"                     \
  "smlad r7, r9, lr, r7\n"

/* The channel of `sum` written, and the end where it was the last one. */
#define HWK_H8_ROW_STORE(sum)                  \
  "ldmia.w r1!, {r2, r3, r12}\n"               \
  HWK_H8_RESCALE(sum)                          \
  "strb " sum ", [r10], #1\n"                  \
  "cmp r10, r11\n"                             \
  "beq.n 11f\n"

/* All channels of one row. column: for each four taps the odd pair, then the mixed pair, up to
 * `end`; at least four taps. Unrolled eight times, and entered where the rest of the quads by
 * eight says. On the stack: column; behind the saved registers `end`. */
__attribute__((naked)) HWK_NOINLINE void hwk_h8_rows(
    __attribute__((unused)) const int32_t *column, __attribute__((unused)) const int32_t *stream,
    __attribute__((unused)) int8_t *output, __attribute__((unused)) int8_t *output_end,
    __attribute__((unused)) const int32_t *end) {
  __asm__(
      ".syntax unified\n"
      "push.w {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "mov r10, r2\n"
      "mov r11, r3\n"
      "10:\n"
      "ldr r3, [sp, #40]\n"
      "sub r3, r3, r0\n"
      "ubfx r3, r3, #3, #3\n"
      "ldmia.w r1!, {r4, r5, r6, r7}\n"
      "tbb [pc, r3]\n"
      "0:\n"
      ".byte (8f - 0b) / 2, (1f - 0b) / 2, (2f - 0b) / 2, (3f - 0b) / 2\n"
      ".byte (4f - 0b) / 2, (5f - 0b) / 2, (6f - 0b) / 2, (7f - 0b) / 2\n"
      "8:\n" HWK_H8_ROWS_STEP
      "7:\n" HWK_H8_ROWS_STEP
      "6:\n" HWK_H8_ROWS_STEP
      "5:\n" HWK_H8_ROWS_STEP
      "4:\n" HWK_H8_ROWS_STEP
      "3:\n" HWK_H8_ROWS_STEP
      "2:\n" HWK_H8_ROWS_STEP
      "1:\n" HWK_H8_ROWS_STEP
      "ldr r2, [sp, #40]\n"
      "cmp r0, r2\n"
      "bne.w 8b\n"
      "mov.w lr, #64\n"
      HWK_H8_ROW_STORE("r4") HWK_H8_ROW_STORE("r5")
      HWK_H8_ROW_STORE("r6") HWK_H8_ROW_STORE("r7")
      "ldr r0, [sp]\n"
      "b.w 10b\n"
      "11:\n"
      "pop.w {r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* All channels of one row. column: for each four taps the odd pair, then the mixed pair, up to
 * `end`; at least four taps. */
HWK_INLINE void hwk_h8_rows(const int32_t *column, const int32_t *stream, int8_t *output,
                            int8_t *output_end, const int32_t *end) {
  while (output != output_end) {
    int32_t sums[4];
    hwk_copy(sums, stream, sizeof sums);
    stream += 4;
    for (const int32_t *at = column; at < end; at += 2, stream += 4) {
      for (int32_t n = 0; n < 4; ++n) {
        sums[n] = hwk_mla_pair(sums[n], stream[n], at[0]);
        sums[n] = hwk_mla_pair(sums[n], hwk_even_pair((uint32_t)stream[n]), at[1]);
      }
    }
    for (int32_t n = 0; n < 4 && output != output_end; ++n) {
      *output++ = hwk_h8_rescaled(sums[n], stream + 3 * n);
    }
    stream += 12;
  }
}

#endif

#endif
