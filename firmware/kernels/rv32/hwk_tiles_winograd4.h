/* The inner loop of Winograd's F(4x4, 3x3): transformed weights of two channels by four tiles. */
#ifndef HWK_TILES_WINOGRAD4_H
#define HWK_TILES_WINOGRAD4_H

#include <hwk_kernels.h>
#include <hwk_winograd4_sums.h>

#define HWK_WINOGRAD4_CHANNELS 2 /* of the output, at once */
#define HWK_WINOGRAD4_PARTS 2    /* of the positions, one after the other */

/* Of each of 18 positions and both output channels the sums of four tiles, modulo 2^32.
 *
 * weights  of each output channel, of each position the `channels` integers of the input's channels, a
 *          multiple of 4
 * tiles    of each position, of each channel, one of each tile
 * sums     of each position one of each tile; those of the second output channel 36 positions behind */

#if defined(__riscv) && __riscv_xlen == 32

__attribute__((naked)) HWK_NOINLINE void hwk_winograd4_tiles(
    __attribute__((unused)) const int16_t *weights, __attribute__((unused)) const int16_t *tiles,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) int32_t channels) {
  __asm__(HWK_WINOGRAD4_SAVE
          "slli a3, a3, 1\n" /* bytes of a position */
          "li t0, 18\n"
          "mul t0, t0, a3\n"
          "add a4, a0, t0\n" /* the second channel's weights */
          "mv a5, a4\n"      /* end of the first one's */
          "1:\n"
          "add a6, a0, a3\n"
          HWK_WINOGRAD4_ZERO
          "2:\n"
          HWK_WINOGRAD4_EIGHT("0(a0)", "0(a4)", "0(a1)", "2(a1)", "4(a1)", "6(a1)")
          HWK_WINOGRAD4_EIGHT("2(a0)", "2(a4)", "8(a1)", "10(a1)", "12(a1)", "14(a1)")
          HWK_WINOGRAD4_EIGHT("4(a0)", "4(a4)", "16(a1)", "18(a1)", "20(a1)", "22(a1)")
          HWK_WINOGRAD4_EIGHT("6(a0)", "6(a4)", "24(a1)", "26(a1)", "28(a1)", "30(a1)")
          "addi a0, a0, 8\n"
          "addi a4, a4, 8\n"
          "addi a1, a1, 32\n"
          "bne a0, a6, 2b\n"
          HWK_WINOGRAD4_WRITE
          "bne a0, a5, 1b\n"
          HWK_WINOGRAD4_RETURN);
}

#else

HWK_INLINE void hwk_winograd4_tiles(const int16_t *weights, const int16_t *tiles, int32_t *sums,
                                    int32_t channels) {
  for (int32_t n = 0; n < 4 * 18 * HWK_WINOGRAD4_CHANNELS; ++n) {
    int32_t position = n / 4 % 18, of = n / (4 * 18), sum = 0;
    const int16_t *weight = weights + (of * 18 + position) * channels;
    for (int32_t k = 0; k < channels; ++k) {
      sum = hwk_mla(sum, weight[k], tiles[4 * (position * channels + k) + n % 4]);
    }
    sums[4 * (of * 36 + position) + n % 4] = sum;
  }
}

#endif

#endif
