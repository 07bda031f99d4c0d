/* The inner loops of convolution: two rows of weights times two columns of integers. */
#ifndef HWK_TILE_2X2_H
#define HWK_TILE_2X2_H

#include <hwk_pairs.h>

/* Adds the products of two rows and two columns to the rows' biases.
 *
 * rows     two rows of weights in turn, a word of the first and a word of the second
 * columns  for each four taps the even and odd pair of the first, then of the second column
 * end      behind the columns; the four sums go there: first row by first and second column,
 *          then the second row
 * bias     one for each row
 *
 * Returns the end of the two rows: where the next two start. */
typedef const int8_t *hwk_tile_function_t(const int8_t *rows, const int32_t *columns, int32_t *end,
                                          const int32_t *bias);

/* Four taps of both rows and both columns: 16 products in 8 instructions. */
HWK_INLINE void hwk_tile_step(int32_t sum[4], uint32_t row0, uint32_t row1,
                              const int32_t *columns) {
  int32_t even0 = columns[0], odd0 = columns[1], even1 = columns[2], odd1 = columns[3];
  int32_t even = hwk_even_pair(row0), odd = hwk_odd_pair(row0);
  sum[0] = hwk_mla_pair(hwk_mla_pair(sum[0], even, even0), odd, odd0);
  sum[1] = hwk_mla_pair(hwk_mla_pair(sum[1], even, even1), odd, odd1);
  even = hwk_even_pair(row1), odd = hwk_odd_pair(row1);
  sum[2] = hwk_mla_pair(hwk_mla_pair(sum[2], even, even0), odd, odd0);
  sum[3] = hwk_mla_pair(hwk_mla_pair(sum[3], even, even1), odd, odd1);
}

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* Four taps: 16 products in 14 instructions, all but the stack pointer in use. Compilers run out
 * of registers here and spill. */
#define HWK_TILE_STEP_S8            \
  "ldmia.w r0!, {r3, r12}\n"        \
  "ldmia.w r1!, {r8, r9, r10, r11}\n" \
  "sxtb16 lr, r3\n"                 \
  "sxtb16 r3, r3, ror #8\n"         \
  "smlad r4, lr, r8, r4\n"          \
  "smlad r5, lr, r10, r5\n"         \
  "smlad r4, r3, r9, r4\n"          \
  "smlad r5, r3, r11, r5\n"         \
  "sxtb16 lr, r12\n"                \
  "sxtb16 r12, r12, ror #8\n"       \
  "smlad r6, lr, r8, r6\n"          \
  "smlad r7, lr, r10, r7\n"         \
  "smlad r6, r12, r9, r6\n"         \
  "smlad r7, r12, r11, r7\n"

/* Rows of int8 weights, at least four taps. Unrolled four times, and entered where the rest of
 * the taps by 16 says. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_tile_s8(
    __attribute__((unused)) const int8_t *rows, __attribute__((unused)) const int32_t *columns,
    __attribute__((unused)) int32_t *end, __attribute__((unused)) const int32_t *bias) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "ldrd r4, r6, [r3]\n"
      "sub r3, r2, r1\n"
      "ubfx r3, r3, #4, #2\n"
      "mov r5, r4\n"
      "mov r7, r6\n"
      "tbb [pc, r3]\n"
      "0:\n"
      ".byte (4f - 0b) / 2, (1f - 0b) / 2, (2f - 0b) / 2, (3f - 0b) / 2\n"
      "4:\n" HWK_TILE_STEP_S8
      "3:\n" HWK_TILE_STEP_S8
      "2:\n" HWK_TILE_STEP_S8
      "1:\n" HWK_TILE_STEP_S8
      "cmp r1, r2\n"
      "bne.w 4b\n"
      "stmia.w r1, {r4, r5, r6, r7}\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

/* Four of eight packed weights of both rows, each times 16, by both columns: the even and odd pairs
 * of the first row in r8, r9, of the second in r10, r11. */
#define HWK_TILE_HALF_S4               \
  "sxtb16 r9, r8, ror #8\n"            \
  "sxtb16 r8, r8\n"                    \
  "sxtb16 r11, r10, ror #8\n"          \
  "sxtb16 r10, r10\n"                  \
  "ldrd r2, lr, [r1], #8\n"            \
  "smlad r4, r8, r2, r4\n"             \
  "smlad r6, r10, r2, r6\n"            \
  "smlad r4, r9, lr, r4\n"             \
  "smlad r6, r11, lr, r6\n"            \
  "ldrd r2, lr, [r1], #8\n"            \
  "smlad r5, r8, r2, r5\n"             \
  "smlad r7, r10, r2, r7\n"            \
  "smlad r5, r9, lr, r5\n"             \
  "smlad r7, r11, lr, r7\n"

/* Rows of packed 4-bit weights, a multiple of eight taps: 32 products in 38 instructions. The
 * weights come out times 16, so the sums are shifted back before the bias: exact while
 * |sum| < 2^27, that is below 2^17 taps. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_tile_s4(
    __attribute__((unused)) const int8_t *rows, __attribute__((unused)) const int32_t *columns,
    __attribute__((unused)) int32_t *end, __attribute__((unused)) const int32_t *bias) {
  __asm__(
      ".syntax unified\n"
      "push.w {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "movs r4, #0\n"
      "movs r5, #0\n"
      "movs r6, #0\n"
      "movs r7, #0\n"
      "1:\n"
      "ldrd r3, r12, [r0], #8\n"
      "lsl r8, r3, #4\n"
      "lsl r10, r12, #4\n"
      "and r8, r8, #0xf0f0f0f0\n"
      "and r10, r10, #0xf0f0f0f0\n" HWK_TILE_HALF_S4
      "and r8, r3, #0xf0f0f0f0\n"
      "and r10, r12, #0xf0f0f0f0\n" HWK_TILE_HALF_S4
      "ldr r2, [sp]\n"
      "cmp r1, r2\n"
      "bne.w 1b\n"
      "pop.w {r2, r3}\n"
      "ldrd r8, r9, [r3]\n"
      "add r4, r8, r4, asr #4\n"
      "add r5, r8, r5, asr #4\n"
      "add r6, r9, r6, asr #4\n"
      "add r7, r9, r7, asr #4\n"
      "stmia.w r1, {r4, r5, r6, r7}\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* Rows of int8 weights, at least four taps. */
HWK_INLINE const int8_t *hwk_tile_s8(const int8_t *rows, const int32_t *columns, int32_t *end,
                                     const int32_t *bias) {
  int32_t sum[4] = {bias[0], bias[0], bias[1], bias[1]};
  for (; columns < end; columns += 4, rows += 8) {
    hwk_tile_step(sum, hwk_load4_aligned(rows), hwk_load4_aligned(rows + 4), columns);
  }
  hwk_copy(end, sum, sizeof sum);
  return rows;
}

/* Rows of packed 4-bit weights, a multiple of eight taps. */
HWK_INLINE const int8_t *hwk_tile_s4(const int8_t *rows, const int32_t *columns, int32_t *end,
                                     const int32_t *bias) {
  int32_t sum[4] = {0, 0, 0, 0};
  for (; columns < end; columns += 8, rows += 8) {
    uint32_t low0, high0, low1, high1;
    hwk_unpack_s4(hwk_load4_aligned(rows), &low0, &high0);
    hwk_unpack_s4(hwk_load4_aligned(rows + 4), &low1, &high1);
    hwk_tile_step(sum, low0, low1, columns);
    hwk_tile_step(sum, high0, high1, columns + 4);
  }
  for (int32_t n = 0; n < 4; ++n) {
    end[n] = hwk_wrapping_add(sum[n] >> 4, bias[n / 2]);
  }
  return rows;
}

#endif

#endif
