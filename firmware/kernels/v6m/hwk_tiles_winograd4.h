/* The inner loop of Winograd's F(4x4, 3x3): a channel's transformed weights by four tiles. */
#ifndef HWK_TILES_WINOGRAD4_H
#define HWK_TILES_WINOGRAD4_H

#include <hwk_kernels.h>

#define HWK_WINOGRAD4_CHANNELS 1 /* of the output, at once */
#define HWK_WINOGRAD4_PARTS 1    /* of the positions */

/* Of each of 36 positions the sums of four tiles, modulo 2^32.
 *
 * weights  of each position the `channels` integers of the input's channels, a multiple of 4
 * tiles    of each position, of each channel, one of each tile
 * sums     of each position one of each tile */

#if defined(__ARM_ARCH_6M__)

/* The weight in `weight` by four tiles. Sums lie in high registers, which only ADD reaches. */
#define HWK_WINOGRAD4_FOUR(weight)         \
  "ldmia r1!, {r4, r5}\n"                  \
  "sxth r6, r4\n"                          \
  "muls r6, " weight ", r6\n"              \
  "add r8, r6\n"                           \
  "asrs r4, r4, #16\n"                     \
  "muls r4, " weight ", r4\n"              \
  "add r9, r4\n"                           \
  "sxth r6, r5\n"                          \
  "muls r6, " weight ", r6\n"              \
  "add r10, r6\n"                          \
  "asrs r5, r5, #16\n"                     \
  "muls r5, " weight ", r5\n"              \
  "add r11, r5\n"

/* Eight products in 29 instructions. */
#define HWK_WINOGRAD4_TWO                  \
  "ldmia r0!, {r7}\n"                      \
  "sxth r3, r7\n" HWK_WINOGRAD4_FOUR("r3") \
  "asrs r7, r7, #16\n" HWK_WINOGRAD4_FOUR("r7")

__attribute__((naked)) HWK_NOINLINE void hwk_winograd4_tiles(
    __attribute__((unused)) const int16_t *weights, __attribute__((unused)) const int16_t *tiles,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) int32_t channels) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "push {r0, r4, r5, r6, r7}\n"
      "lsls r3, r3, #1\n"
      "mov r12, r3\n" /* bytes of a position */
      "movs r3, #144\n"
      "lsls r3, r3, #2\n"
      "adds r3, r3, r2\n"
      "str r3, [sp]\n" /* end of the sums */
      "mov lr, r0\n"
      "1:\n"
      "add lr, r12\n" /* end of the position */
      "movs r3, #0\n"
      "mov r8, r3\n"
      "mov r9, r3\n"
      "mov r10, r3\n"
      "mov r11, r3\n"
      "2:\n" HWK_WINOGRAD4_TWO HWK_WINOGRAD4_TWO
      "cmp r0, lr\n"
      "bne 2b\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "stmia r2!, {r4, r5, r6, r7}\n"
      "ldr r3, [sp]\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "pop {r0, r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE void hwk_winograd4_tiles(const int16_t *weights, const int16_t *tiles, int32_t *sums,
                                    int32_t channels) {
  for (const int32_t *end = sums + 4 * 36; sums != end; sums += 4) {
    for (int32_t n = 0; n < 4; ++n) {
      sums[n] = 0;
    }
    for (int32_t k = 0; k < channels; ++k, ++weights, tiles += 4) {
      for (int32_t n = 0; n < 4; ++n) {
        sums[n] = hwk_mla(sums[n], *weights, tiles[n]);
      }
    }
  }
}

#endif

#endif
