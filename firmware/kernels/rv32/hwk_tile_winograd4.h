/* The inner loop of Winograd's F(4x4, 3x3): four rows of transformed weights by two tiles. */
#ifndef HWK_TILE_WINOGRAD4_H
#define HWK_TILE_WINOGRAD4_H

#include <hwk_kernels.h>
#include <hwk_winograd4_sums.h>

#define HWK_WINOGRAD4_ROWS 4
#define HWK_WINOGRAD4_TILES 2

/* Of each of 36 positions of both tiles the sums of the four rows' products, modulo 2^32.
 *
 * weights  of each position, of each pair of channels, a word of two 16-bit integers a row
 * tiles    of each tile, of each position the `pairs` words of its channels, an even number
 * sums     of each tile, of each position four */

#if defined(__riscv) && __riscv_xlen == 32

__attribute__((naked)) HWK_NOINLINE void hwk_winograd4_products(
    __attribute__((unused)) const int32_t *weights, __attribute__((unused)) const int32_t *tiles,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) int32_t pairs) {
  __asm__(HWK_WINOGRAD4_SAVE
          "slli a3, a3, 2\n" /* bytes of a position */
          "li t0, 36\n"
          "mul t0, t0, a3\n"
          "add a4, a1, t0\n" /* the second tile */
          "mv a5, a4\n"      /* end of the first */
          "1:\n"
          "add a6, a1, a3\n"
          HWK_WINOGRAD4_ZERO
          "2:\n"
          HWK_WINOGRAD4_EIGHT("0(a1)", "0(a4)", "0(a0)", "4(a0)", "8(a0)", "12(a0)")
          HWK_WINOGRAD4_EIGHT("2(a1)", "2(a4)", "2(a0)", "6(a0)", "10(a0)", "14(a0)")
          HWK_WINOGRAD4_EIGHT("4(a1)", "4(a4)", "16(a0)", "20(a0)", "24(a0)", "28(a0)")
          HWK_WINOGRAD4_EIGHT("6(a1)", "6(a4)", "18(a0)", "22(a0)", "26(a0)", "30(a0)")
          "addi a0, a0, 32\n"
          "addi a1, a1, 8\n"
          "addi a4, a4, 8\n"
          "bne a1, a6, 2b\n"
          HWK_WINOGRAD4_WRITE
          "bne a1, a5, 1b\n"
          HWK_WINOGRAD4_RETURN);
}

#else

HWK_INLINE void hwk_winograd4_products(const int32_t *weights, const int32_t *tiles,
                                       int32_t *sums, int32_t pairs) {
  for (int32_t n = 0; n < HWK_WINOGRAD4_TILES * 36; ++n, tiles += pairs) {
    const int32_t *w = weights + n % 36 * pairs * HWK_WINOGRAD4_ROWS;
    for (int32_t r = 0; r < HWK_WINOGRAD4_ROWS; ++r, ++sums) {
      *sums = 0;
      for (int32_t k = 0; k < pairs; ++k) {
        int32_t weight = w[k * HWK_WINOGRAD4_ROWS + r];
        *sums = hwk_mla(*sums, (int16_t)weight, (int16_t)tiles[k]);
        *sums = hwk_mla(*sums, weight >> 16, tiles[k] >> 16);
      }
    }
  }
}

#endif

#endif
