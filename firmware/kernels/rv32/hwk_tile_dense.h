/* The inner loop of the matrix product with two taps in one product: four rows. */
#ifndef HWK_TILE_DENSE_H
#define HWK_TILE_DENSE_H

#include <hwk_dense_blocks.h>

/* Adds the products of a group's rows and the column to the sums, modulo 2^32; the end of its runs. */

#if defined(__riscv) && __riscv_xlen == 32

#define HWK_DENSE_LOAD   \
  "lw t0, 0(a1)\n"       \
  "lw t1, 4(a1)\n"       \
  "lw t2, 8(a1)\n"       \
  "addi a1, a1, 12\n"    \
  "addi a0, a0, 16\n"

/* Four taps of a row, with t0, t1 and t2 of the column and the mask in t3. */
#define HWK_DENSE_ROW(at, sum)  \
  "lw t4, " at "(a0)\n"         \
  "srli t5, t4, 8\n"            \
  "and t5, t5, t3\n"            \
  "mul t4, t4, t0\n"            \
  "mul t5, t5, t1\n"            \
  "add t4, t4, t2\n"            \
  "add t4, t4, t5\n"            \
  "srai t4, t4, 16\n"           \
  "add " sum ", " sum ", t4\n"

/* The taps of both halves apart: t0 and t1 meet them, t6 and t2 are added. */
#define HWK_DENSE_APART(at, sum) \
  "lw t4, " at "(a0)\n"          \
  "srli t5, t4, 8\n"             \
  "and t5, t5, t3\n"             \
  "and t4, t4, t3\n"             \
  "mul t4, t4, t0\n"             \
  "mul t5, t5, t1\n"             \
  "add t4, t4, t6\n"             \
  "add t5, t5, t2\n"             \
  "srai t4, t4, 16\n"            \
  "srai t5, t5, 16\n"            \
  "add " sum ", " sum ", t4\n"   \
  "add " sum ", " sum ", t5\n"

/* 16 products in 42 instructions. */
__attribute__((naked)) HWK_NOINLINE const int32_t *hwk_dense_group(
    __attribute__((unused)) const int32_t *stream, __attribute__((unused)) const int32_t *column,
    __attribute__((unused)) int32_t *sums) {
  __asm__(
      "lw a3, 0(a2)\n"
      "lw a4, 4(a2)\n"
      "lw a5, 8(a2)\n"
      "lw a6, 12(a2)\n"
      "lui t3, 0xff0\n"
      "addi t3, t3, 255\n"
      "2:\n"
      "lw a7, 0(a0)\n"
      "addi a0, a0, 4\n"
      "add a7, a7, a1\n"
      "bgeu a1, a7, 4f\n"
      "3:\n"
      HWK_DENSE_LOAD
      HWK_DENSE_ROW("-16", "a3")
      HWK_DENSE_ROW("-12", "a4")
      HWK_DENSE_ROW("-8", "a5")
      HWK_DENSE_ROW("-4", "a6")
      "bltu a1, a7, 3b\n"
      "4:\n"
      "bne a1, a7, 5f\n" /* the last run ends one byte early */
      HWK_DENSE_LOAD
      "slli t4, t0, 8\n"
      "add t1, t1, t4\n"
      "slli t4, t0, 7\n"
      "slli t5, t0, 23\n"
      "add t4, t4, t5\n"
      "lui t6, 8\n"
      "add t2, t2, t6\n" /* what both halves add */
      "sub t6, t6, t4\n"
      "sub t2, t2, t6\n"
      HWK_DENSE_APART("-16", "a3")
      HWK_DENSE_APART("-12", "a4")
      HWK_DENSE_APART("-8", "a5")
      HWK_DENSE_APART("-4", "a6")
      "j 2b\n"
      "5:\n"
      "sw a3, 0(a2)\n"
      "sw a4, 4(a2)\n"
      "sw a5, 8(a2)\n"
      "sw a6, 12(a2)\n"
      "ret\n");
}

#else

HWK_INLINE const int32_t *hwk_dense_group(const int32_t *stream, const int32_t *column,
                                          int32_t *sums) {
  return hwk_dense_runs(stream, column, sums);
}

#endif

#endif
