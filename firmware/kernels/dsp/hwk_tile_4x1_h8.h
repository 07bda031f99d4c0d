/* The inner loop of dense layers on hwk_h8.h: four channels times one column, all in turn. */
#ifndef HWK_TILE_4X1_H8_H
#define HWK_TILE_4X1_H8_H

#include <hwk_h8.h>

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* Four taps, their pairs in `odd` and `mixed`: 16 products in 13 instructions. */
#define HWK_H8_ROWS_FOUR(odd, mixed)           \
  "ldmia.w r1!, {r2, r3, r8, r9}\n"            \
  "smlad r4, r2, " odd ", r4\n"                \
  "smlad r5, r3, " odd ", r5\n"                \
  "smlad r6, r8, " odd ", r6\n"                \
  "smlad r7, r9, " odd ", r7\n"                \
  "sxtb16 r2, r2\n"                            \
  "sxtb16 r3, r3\n"                            \
  "sxtb16 r8, r8\n"                            \
  "sxtb16 r9, r9\n"                            \
  "smlad r4, r2, " mixed ", r4\n"              \
  "smlad r5, r3, " mixed ", r5\n"              \
  "smlad r6, r8, " mixed ", r6\n"              \
  "smlad r7, r9, " mixed ", r7\n"

/* Eight taps; every register but the stack pointer is taken. */
#define HWK_H8_ROWS_STEP                       \
  "ldmia.w r0!, {r10, r11, r12, lr}\n"         \
  HWK_H8_ROWS_FOUR("r10", "r11")               \
  HWK_H8_ROWS_FOUR("r12", "lr")

#define HWK_H8_ROW(sum)                        \
  "ldmia.w r1!, {r2, r3, r12}\n"               \
  HWK_H8_RESCALE(sum)

/* All channels of one row. column: for each four taps the odd pair, then the mixed pair, up to
 * `end`; at least four taps. After an odd quad two at a time, unrolled four times and entered where
 * the rest of them by four says. On the stack: column, the next output, where they end; behind the
 * saved registers `end`. */
__attribute__((naked)) HWK_NOINLINE void hwk_h8_rows(
    __attribute__((unused)) const int32_t *column, __attribute__((unused)) const int32_t *stream,
    __attribute__((unused)) int8_t *output, __attribute__((unused)) int8_t *output_end,
    __attribute__((unused)) const int32_t *end) {
  __asm__(
      ".syntax unified\n"
      "push.w {r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "10:\n"
      "ldr.w r10, [sp, #48]\n"
      "sub.w r10, r10, r0\n"
      "ldmia.w r1!, {r4, r5, r6, r7}\n"
      "lsrs.w r11, r10, #4\n"
      "bcc.n 9f\n"
      "ldmia.w r0!, {r12, lr}\n"
      HWK_H8_ROWS_FOUR("r12", "lr")
      "cmp.w r11, #0\n"
      "beq.n 5f\n"
      "9:\n"
      "and r11, r11, #3\n"
      "tbb [pc, r11]\n"
      "0:\n"
      ".byte (4f - 0b) / 2, (1f - 0b) / 2, (2f - 0b) / 2, (3f - 0b) / 2\n"
      "4:\n" HWK_H8_ROWS_STEP
      "3:\n" HWK_H8_ROWS_STEP
      "2:\n" HWK_H8_ROWS_STEP
      "1:\n" HWK_H8_ROWS_STEP
      "ldr r2, [sp, #48]\n"
      "cmp r0, r2\n"
      "bne.w 4b\n"
      "5:\n"
      "mov.w lr, #64\n"
      HWK_H8_ROW("r4") HWK_H8_ROW("r5") HWK_H8_ROW("r6") HWK_H8_ROW("r7")
      "ldrd r2, r3, [sp, #4]\n"
      "subs.w r12, r3, r2\n"
      "cmp.w r12, #4\n"
      "blt.n 11f\n"
      "bfi r4, r5, #8, #8\n"
      "bfi r4, r6, #16, #8\n"
      "bfi r4, r7, #24, #8\n"
      "str r4, [r2], #4\n"
      "str r2, [sp, #4]\n"
      "ldr r0, [sp]\n"
      "cmp r2, r3\n"
      "bne.w 10b\n"
      "b.n 12f\n"
      "11:\n"
      "strb r4, [r2]\n"
      "cmp.w r12, #1\n"
      "beq.n 12f\n"
      "strb r5, [r2, #1]\n"
      "cmp.w r12, #2\n"
      "beq.n 12f\n"
      "strb r6, [r2, #2]\n"
      "12:\n"
      "pop.w {r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
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
