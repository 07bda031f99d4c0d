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

/* Four taps: 16 products in 45 instructions. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_tile_1x4(
    __attribute__((unused)) const int8_t *row, __attribute__((unused)) const int32_t *columns,
    __attribute__((unused)) int32_t *end, __attribute__((unused)) int32_t bias) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "push {r4, r5, r6, r7}\n"
      "mov r12, r2\n"
      "mov r8, r3\n"
      "mov r9, r3\n"
      "mov r10, r3\n"
      "mov r11, r3\n"
      "1:\n"
      "ldmia r0!, {r3}\n"
      "sxtb r2, r3\n" HWK_TILE_TAP
      "lsls r2, r3, #16\n"
      "asrs r2, r2, #24\n" HWK_TILE_TAP
      "lsls r2, r3, #8\n"
      "asrs r2, r2, #24\n" HWK_TILE_TAP
      "asrs r2, r3, #24\n" HWK_TILE_TAP
      "cmp r1, r12\n"
      "bne 1b\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "stmia r1!, {r4, r5, r6, r7}\n"
      "pop {r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE const int8_t *hwk_tile_1x4(const int8_t *row, const int32_t *columns, int32_t *end,
                                      int32_t bias) {
  uint32_t sum[4] = {(uint32_t)bias, (uint32_t)bias, (uint32_t)bias, (uint32_t)bias};
  for (; columns < end; columns += 4, ++row) {
    for (int32_t n = 0; n < 4; ++n) {
      sum[n] += (uint32_t)*row * (uint32_t)columns[n];
    }
  }
  hwk_copy(end, sum, sizeof sum);
  return row;
}

#endif

#endif
