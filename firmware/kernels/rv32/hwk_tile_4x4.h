/* The inner loop of convolution: four rows of weights times four columns of integers, in registers
 * that RV32 has enough of. */
#ifndef HWK_TILE_4X4_H
#define HWK_TILE_4X4_H

#include <hwk_kernels.h>
#include <hwk_saved.h>

/* Adds the products of four rows and four columns to the rows' biases.
 *
 * rows     four rows of weights, four bytes of each in turn
 * columns  four columns, four bytes of each in turn, at least once
 * end      behind the columns
 * bias     one for each row
 * sums     one for each row and column: a row's four columns, then the next row
 *
 * Returns the end of the four rows: where the next four start. */
typedef const int8_t *hwk_tile_t(const int8_t *rows, const int8_t *columns, const int8_t *end,
                                 const int32_t *bias, int32_t *sums);

#if defined(__riscv) && __riscv_xlen == 32

/* What makes a weight of the byte in s10: the byte, its low nibble, its high nibble. */
#define HWK_WEIGHT_S8 ""
#define HWK_WEIGHT_LOW   \
  "slli s10, s10, 28\n"  \
  "srai s10, s10, 28\n"
#define HWK_WEIGHT_HIGH "srai s10, s10, 4\n"

/* The weight at `at` times four integers, in a5, a6, a7 and s9. Neighbouring products go to different
 * registers: a multiplier takes a few cycles. */
#define HWK_TILE_ROW(weight, at, sum0, sum1, sum2, sum3) \
  "lb s10, " at "(a0)\n" weight                          \
  "mul s11, s10, a5\n"                           \
  "mul ra, s10, a6\n"                            \
  "add " sum0 ", " sum0 ", s11\n"                \
  "mul s11, s10, a7\n"                           \
  "add " sum1 ", " sum1 ", ra\n"                 \
  "mul ra, s10, s9\n"                            \
  "add " sum2 ", " sum2 ", s11\n"                \
  "add " sum3 ", " sum3 ", ra\n"

/* A tap: 16 products in 40 instructions, or those that unpack the weights more. Its weights lie at
 * row0 .. row3, its integers at column0 .. column3. */
#define HWK_TILE_TAP(weight, row0, row1, row2, row3, column0, column1, column2, column3) \
  "lb a5, " column0 "(a1)\n"                                                             \
  "lb a6, " column1 "(a1)\n"                                                             \
  "lb a7, " column2 "(a1)\n"                                                             \
  "lb s9, " column3 "(a1)\n"                                                             \
  HWK_TILE_ROW(weight, row0, "t0", "t1", "t2", "t3")                                     \
  HWK_TILE_ROW(weight, row1, "t4", "t5", "t6", "s0")                                     \
  HWK_TILE_ROW(weight, row2, "s1", "s2", "s3", "s4")                                     \
  HWK_TILE_ROW(weight, row3, "s5", "s6", "s7", "s8")

#define HWK_TILE_FOUR(what, at, a, b, c, d)      \
  what " " a ", " at "\n"                        \
  "mv " b ", " a "\n"                            \
  "mv " c ", " a "\n"                            \
  "mv " d ", " a "\n"

#define HWK_TILE_START \
  HWK_SAVE("64") \
  HWK_TILE_FOUR("lw", "0(a3)", "t0", "t1", "t2", "t3") \
  HWK_TILE_FOUR("lw", "4(a3)", "t4", "t5", "t6", "s0") \
  HWK_TILE_FOUR("lw", "8(a3)", "s1", "s2", "s3", "s4") \
  HWK_TILE_FOUR("lw", "12(a3)", "s5", "s6", "s7", "s8")

#define HWK_TILE_END \
  "sw t0, 0(a4)\n" \
  "sw t1, 4(a4)\n" \
  "sw t2, 8(a4)\n" \
  "sw t3, 12(a4)\n" \
  "sw t4, 16(a4)\n" \
  "sw t5, 20(a4)\n" \
  "sw t6, 24(a4)\n" \
  "sw s0, 28(a4)\n" \
  "sw s1, 32(a4)\n" \
  "sw s2, 36(a4)\n" \
  "sw s3, 40(a4)\n" \
  "sw s4, 44(a4)\n" \
  "sw s5, 48(a4)\n" \
  "sw s6, 52(a4)\n" \
  "sw s7, 56(a4)\n" \
  "sw s8, 60(a4)\n" \
  HWK_RESTORE("64") \
  "ret\n"

/* Rows of int8 weights. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_tile_4x4_s8(
    __attribute__((unused)) const int8_t *rows, __attribute__((unused)) const int8_t *columns,
    __attribute__((unused)) const int8_t *end, __attribute__((unused)) const int32_t *bias,
    __attribute__((unused)) int32_t *sums) {
  __asm__(HWK_TILE_START
          "1:\n"
          HWK_TILE_TAP(HWK_WEIGHT_S8, "0", "4", "8", "12", "0", "4", "8", "12")
          HWK_TILE_TAP(HWK_WEIGHT_S8, "1", "5", "9", "13", "1", "5", "9", "13")
          HWK_TILE_TAP(HWK_WEIGHT_S8, "2", "6", "10", "14", "2", "6", "10", "14")
          HWK_TILE_TAP(HWK_WEIGHT_S8, "3", "7", "11", "15", "3", "7", "11", "15")
          "addi a0, a0, 16\n"
          "addi a1, a1, 16\n"
          "bne a1, a2, 1b\n"
          HWK_TILE_END);
}

/* Rows of packed 4-bit weights, a multiple of eight taps. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_tile_4x4_s4(
    __attribute__((unused)) const int8_t *rows, __attribute__((unused)) const int8_t *columns,
    __attribute__((unused)) const int8_t *end, __attribute__((unused)) const int32_t *bias,
    __attribute__((unused)) int32_t *sums) {
  __asm__(HWK_TILE_START
          "1:\n"
          HWK_TILE_TAP(HWK_WEIGHT_LOW, "0", "4", "8", "12", "0", "4", "8", "12")
          HWK_TILE_TAP(HWK_WEIGHT_LOW, "1", "5", "9", "13", "1", "5", "9", "13")
          HWK_TILE_TAP(HWK_WEIGHT_LOW, "2", "6", "10", "14", "2", "6", "10", "14")
          HWK_TILE_TAP(HWK_WEIGHT_LOW, "3", "7", "11", "15", "3", "7", "11", "15")
          HWK_TILE_TAP(HWK_WEIGHT_HIGH, "0", "4", "8", "12", "16", "20", "24", "28")
          HWK_TILE_TAP(HWK_WEIGHT_HIGH, "1", "5", "9", "13", "17", "21", "25", "29")
          HWK_TILE_TAP(HWK_WEIGHT_HIGH, "2", "6", "10", "14", "18", "22", "26", "30")
          HWK_TILE_TAP(HWK_WEIGHT_HIGH, "3", "7", "11", "15", "19", "23", "27", "31")
          "addi a0, a0, 16\n"
          "addi a1, a1, 32\n"
          "bne a1, a2, 1b\n"
          HWK_TILE_END);
}

#else

/* One tap of all sums. */
HWK_INLINE void hwk_tile_tap(int32_t *sums, const int32_t weights[4], const int8_t *column) {
  for (int32_t n = 0; n < 16; ++n) {
    sums[n] = hwk_mla(sums[n], weights[n / 4], column[n % 4 * 4]);
  }
}

HWK_INLINE const int8_t *hwk_tile_4x4_s8(const int8_t *rows, const int8_t *columns,
                                         const int8_t *end, const int32_t *bias, int32_t *sums) {
  for (int32_t n = 0; n < 16; ++n) {
    sums[n] = bias[n / 4];
  }
  for (; columns != end; columns += 16, rows += 16) {
    for (int32_t t = 0; t < 4; ++t) {
      int32_t weights[4] = {rows[t], rows[4 + t], rows[8 + t], rows[12 + t]};
      hwk_tile_tap(sums, weights, columns + t);
    }
  }
  return rows;
}

HWK_INLINE const int8_t *hwk_tile_4x4_s4(const int8_t *rows, const int8_t *columns,
                                         const int8_t *end, const int32_t *bias, int32_t *sums) {
  for (int32_t n = 0; n < 16; ++n) {
    sums[n] = bias[n / 4];
  }
  for (; columns != end; columns += 32, rows += 16) {
    for (int32_t t = 0; t < 8; ++t) {
      int32_t weights[4];
      for (int32_t n = 0; n < 4; ++n) {
        weights[n] = hwk_row_weight_s4(rows + 4 * n, t);
      }
      hwk_tile_tap(sums, weights, columns + t / 4 * 16 + t % 4);
    }
  }
  return rows;
}

#endif

#endif
