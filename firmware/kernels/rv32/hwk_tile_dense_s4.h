/* The inner loop of the matrix product with two taps in one product, packed 4-bit weights: four rows. */
#ifndef HWK_TILE_DENSE_S4_H
#define HWK_TILE_DENSE_S4_H

#include <hwk_dense_blocks.h>

/* Adds the products of a group's rows and the column to the sums, modulo 2^32; the end of its words. */

#if defined(__riscv) && __riscv_xlen == 32

/* Two taps by what a shift of the weights in t5 and the mask in t6 leave. */
#define HWK_DENSE_TAPS(shift, x) \
  "srli a7, t5, " shift "\n"     \
  "and a7, a7, t6\n"             \
  "mul a7, a7, " x "\n"

/* Eight taps of a row, with t0 .. t4 of the column. */
#define HWK_DENSE_ROW_S4(at, sum) \
  "lw t5, " at "(a0)\n"           \
  HWK_DENSE_TAPS("4", "t1")       \
  "add s0, a7, t4\n"              \
  HWK_DENSE_TAPS("8", "t2")       \
  "add s0, s0, a7\n"              \
  HWK_DENSE_TAPS("12", "t3")      \
  "mul t5, t5, t0\n"              \
  "add s0, s0, a7\n"              \
  "add s0, s0, t5\n"              \
  "srai s0, s0, 16\n"             \
  "add " sum ", " sum ", s0\n"

/* 32 products in 76 instructions. */
__attribute__((naked)) HWK_NOINLINE const int32_t *hwk_dense_group_s4(
    __attribute__((unused)) const int32_t *stream, __attribute__((unused)) const int32_t *column,
    __attribute__((unused)) int32_t *sums) {
  __asm__(
      "addi sp, sp, -16\n"
      "sw s0, 0(sp)\n"
      "sw s1, 4(sp)\n"
      "lw a3, 0(a2)\n"
      "lw a4, 4(a2)\n"
      "lw a5, 8(a2)\n"
      "lw a6, 12(a2)\n"
      "lui t6, 0xf0\n"
      "addi t6, t6, 15\n"
      "lw s1, 0(a0)\n"
      "addi a0, a0, 4\n"
      "add s1, s1, a1\n"
      "1:\n"
      "lw t0, 0(a1)\n"
      "lw t1, 4(a1)\n"
      "lw t2, 8(a1)\n"
      "lw t3, 12(a1)\n"
      "lw t4, 16(a1)\n"
      "addi a1, a1, 20\n"
      HWK_DENSE_ROW_S4("0", "a3")
      HWK_DENSE_ROW_S4("4", "a4")
      HWK_DENSE_ROW_S4("8", "a5")
      HWK_DENSE_ROW_S4("12", "a6")
      "addi a0, a0, 16\n"
      "bne a1, s1, 1b\n"
      "sw a3, 0(a2)\n"
      "sw a4, 4(a2)\n"
      "sw a5, 8(a2)\n"
      "sw a6, 12(a2)\n"
      "lw s0, 0(sp)\n"
      "lw s1, 4(sp)\n"
      "addi sp, sp, 16\n"
      "ret\n");
}

#else

HWK_INLINE const int32_t *hwk_dense_group_s4(const int32_t *stream, const int32_t *column,
                                             int32_t *sums) {
  return hwk_dense_runs_s4(stream, column, sums);
}

#endif

#endif
