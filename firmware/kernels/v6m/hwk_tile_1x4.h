/* The inner loop of convolution: a row of weights times four columns of integers. */
#ifndef HWK_TILE_1X4_H
#define HWK_TILE_1X4_H

#include <hwk_kernels.h>

/* Adds the products of a row and four columns to the row's bias.
 *
 * row      weights, a multiple of four taps, at least four
 * columns  of each tap the four columns' integers
 * end      behind the columns; the four sums go there
 *
 * Returns the end of the row: where the next one starts. */
typedef const int8_t *hwk_tile_t(const int8_t *row, const int32_t *columns, int32_t *end,
                                 int32_t bias);

#if defined(__ARM_ARCH_6M__)

/* A tap by the weight in r2. Sums lie in high registers, which only ADD reaches. */
#define HWK_TILE_TAP                            \
  "ldmia r1!, {r4, r5, r6, r7}\n"               \
  "muls r4, r2, r4\n"                           \
  "muls r5, r2, r5\n"                           \
  "muls r6, r2, r6\n"                           \
  "muls r7, r2, r7\n"                           \
  "add r8, r4\n"                                \
  "add r9, r5\n"                                \
  "add r10, r6\n"                               \
  "add r11, r7\n"

/* A tap by the bits of r3 that a shift to the left and one to the right leave. */
#define HWK_TILE_BITS(left, right) \
  "lsls r2, r3, #" left "\n"       \
  "asrs r2, r2, #" right "\n" HWK_TILE_TAP

#define HWK_TILE_START \
  ".syntax unified\n" \
  "push {r4, r5, r6, r7, lr}\n" \
  "mov r4, r8\n" \
  "mov r5, r9\n" \
  "mov r6, r10\n" \
  "mov r7, r11\n" \
  "push {r4, r5, r6, r7}\n" \
  "mov r12, r2\n" \
  "mov r8, r3\n" \
  "mov r9, r3\n" \
  "mov r10, r3\n" \
  "mov r11, r3\n"

#define HWK_TILE_END \
  "cmp r1, r12\n" \
  "bne 1b\n" \
  "mov r4, r8\n" \
  "mov r5, r9\n" \
  "mov r6, r10\n" \
  "mov r7, r11\n" \
  "stmia r1!, {r4, r5, r6, r7}\n" \
  "pop {r4, r5, r6, r7}\n" \
  "mov r8, r4\n" \
  "mov r9, r5\n" \
  "mov r10, r6\n" \
  "mov r11, r7\n" \
  "pop {r4, r5, r6, r7, pc}\n"

/* Rows of int8 weights: 16 products in 45 instructions. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_tile_1x4_s8(
    __attribute__((unused)) const int8_t *row, __attribute__((unused)) const int32_t *columns,
    __attribute__((unused)) int32_t *end, __attribute__((unused)) int32_t bias) {
  __asm__(HWK_TILE_START
          "1:\n"
          "ldmia r0!, {r3}\n"
          "sxtb r2, r3\n" HWK_TILE_TAP
          HWK_TILE_BITS("16", "24")
          HWK_TILE_BITS("8", "24")
          "asrs r2, r3, #24\n" HWK_TILE_TAP
          HWK_TILE_END);
}

/* Rows of packed 4-bit weights, a multiple of eight taps: 32 products in 90 instructions. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_tile_1x4_s4(
    __attribute__((unused)) const int8_t *row, __attribute__((unused)) const int32_t *columns,
    __attribute__((unused)) int32_t *end, __attribute__((unused)) int32_t bias) {
  __asm__(HWK_TILE_START
          "1:\n"
          "ldmia r0!, {r3}\n"
          HWK_TILE_BITS("28", "28")
          HWK_TILE_BITS("20", "28")
          HWK_TILE_BITS("12", "28")
          HWK_TILE_BITS("4", "28")
          HWK_TILE_BITS("24", "28")
          HWK_TILE_BITS("16", "28")
          HWK_TILE_BITS("8", "28")
          "asrs r2, r3, #28\n" HWK_TILE_TAP
          HWK_TILE_END);
}

#else

/* Modulo 2^32: a column that is not in use holds anything. */
HWK_INLINE void hwk_tile_tap(int32_t sum[4], int32_t weight, const int32_t *column) {
  for (int32_t n = 0; n < 4; ++n) {
    sum[n] = (int32_t)((uint32_t)sum[n] + (uint32_t)weight * (uint32_t)column[n]);
  }
}

HWK_INLINE const int8_t *hwk_tile_1x4_s8(const int8_t *row, const int32_t *columns, int32_t *end,
                                         int32_t bias) {
  int32_t sum[4] = {bias, bias, bias, bias};
  for (; columns < end; columns += 4, ++row) {
    hwk_tile_tap(sum, *row, columns);
  }
  hwk_copy(end, sum, sizeof sum);
  return row;
}

HWK_INLINE const int8_t *hwk_tile_1x4_s4(const int8_t *row, const int32_t *columns, int32_t *end,
                                         int32_t bias) {
  int32_t sum[4] = {bias, bias, bias, bias};
  for (; columns < end; columns += 32, row += 4) {
    for (int32_t t = 0; t < 8; ++t) {
      hwk_tile_tap(sum, hwk_row_weight_s4(row, t), columns + 4 * t);
    }
  }
  hwk_copy(end, sum, sizeof sum);
  return row;
}

#endif

#endif
