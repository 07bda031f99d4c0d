/* The sums of products of Winograd's convolution F(2x2, 3x3): two channels times four tiles. */
#ifndef HWK_TILE_WINOGRAD_H
#define HWK_TILE_WINOGRAD_H

#include <hwk_pairs.h>

#define HWK_WINOGRAD_POSITIONS 16 /* of a transformed tile of 4x4 */
#define HWK_WINOGRAD_TILES 4      /* multiplied at once */
#define HWK_WINOGRAD_ROWS 2       /* output channels multiplied at once */
#define HWK_WINOGRAD_SUMS (HWK_WINOGRAD_POSITIONS * HWK_WINOGRAD_ROWS * HWK_WINOGRAD_TILES)

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* A pair of channels: 16 products in 11 instructions. */
#define HWK_WINOGRAD_PAIR      \
  "ldmia.w r1!, {r2, r3}\n"    \
  "ldmia.w r0!, {r12, lr}\n"   \
  "smlad r4, r2, r12, r4\n"    \
  "smlad r5, r2, lr, r5\n"     \
  "smlad r8, r3, r12, r8\n"    \
  "smlad r9, r3, lr, r9\n"     \
  "ldmia.w r0!, {r12, lr}\n"   \
  "smlad r6, r2, r12, r6\n"    \
  "smlad r7, r2, lr, r7\n"     \
  "smlad r10, r3, r12, r10\n"  \
  "smlad r11, r3, lr, r11\n"

/* inputs  of each position, of each pair of input channels, a word a tile
 * rows    of each position, of each pair of input channels, a word an output channel
 * sums    of each position, of each output channel, one a tile; modulo 2^32
 * pairs   of input channels, a multiple of 4
 *
 * On the stack: sums, bytes of a position of inputs, where the present one ends, where the sums
 * end. */
__attribute__((naked)) HWK_NOINLINE void hwk_winograd_products(
    __attribute__((unused)) const int32_t *inputs, __attribute__((unused)) const int32_t *rows,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) int32_t pairs) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "lsls r3, r3, #4\n"
      "adds r4, r0, r3\n"
      "add.w r5, r2, #512\n"
      "push {r2, r3, r4, r5}\n"
      "1:\n"
      "movs r4, #0\n"
      "movs r5, #0\n"
      "movs r6, #0\n"
      "movs r7, #0\n"
      "mov r8, r4\n"
      "mov r9, r4\n"
      "mov r10, r4\n"
      "mov r11, r4\n"
      "2:\n" HWK_WINOGRAD_PAIR HWK_WINOGRAD_PAIR HWK_WINOGRAD_PAIR HWK_WINOGRAD_PAIR
      "ldr r2, [sp, #8]\n"
      "cmp r0, r2\n"
      "bne.w 2b\n"
      "ldr r3, [sp, #4]\n"
      "add r2, r3\n"
      "str r2, [sp, #8]\n"
      "ldr r2, [sp]\n"
      "stmia.w r2!, {r4, r5, r6, r7, r8, r9, r10, r11}\n"
      "str r2, [sp]\n"
      "ldr r3, [sp, #12]\n"
      "cmp r2, r3\n"
      "bne.w 1b\n"
      "add sp, #16\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* inputs  of each position, of each pair of input channels, a word a tile
 * rows    of each position, of each pair of input channels, a word an output channel
 * sums    of each position, of each output channel, one a tile; modulo 2^32
 * pairs   of input channels, a multiple of 4 */
HWK_INLINE void hwk_winograd_products(const int32_t *inputs, const int32_t *rows, int32_t *sums,
                                      int32_t pairs) {
  for (int32_t n = 0; n < HWK_WINOGRAD_SUMS; ++n) {
    int32_t tile = n % HWK_WINOGRAD_TILES;
    int32_t row = n / HWK_WINOGRAD_TILES % HWK_WINOGRAD_ROWS;
    int32_t first = n / (HWK_WINOGRAD_TILES * HWK_WINOGRAD_ROWS) * pairs;
    sums[n] = 0;
    for (int32_t k = first; k < first + pairs; ++k) {
      sums[n] = hwk_mla_pair(sums[n], inputs[HWK_WINOGRAD_TILES * k + tile],
                             rows[HWK_WINOGRAD_ROWS * k + row]);
    }
  }
}

#endif

#endif
