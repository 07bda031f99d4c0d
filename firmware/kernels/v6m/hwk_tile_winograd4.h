/* The inner loop of Winograd's F(4x4, 3x3): four rows of transformed weights by one tile. */
#ifndef HWK_TILE_WINOGRAD4_H
#define HWK_TILE_WINOGRAD4_H

#include <hwk_kernels.h>

#define HWK_WINOGRAD4_ROWS 4
#define HWK_WINOGRAD4_TILES 1

/* Of each of the tile's 36 positions the sums of the four rows' products, modulo 2^32.
 *
 * weights  of each position, of each pair of channels, a word of two 16-bit integers a row
 * tile     of each position the `pairs` words of its channels, an even number
 * sums     of each position four, behind the tile */

#if defined(__ARM_ARCH_6M__)

/* A row of the pair in r4 and r5. Sums lie in high registers, which only ADD reaches. */
#define HWK_WINOGRAD4_ROW(word, sum)   \
  "sxth r3, " word "\n"                \
  "muls r3, r4, r3\n"                  \
  "add " sum ", r3\n"                  \
  "asrs " word ", " word ", #16\n"     \
  "muls " word ", r5, " word "\n"      \
  "add " sum ", " word "\n"

/* Eight products in 29 instructions. */
#define HWK_WINOGRAD4_PAIR           \
  "ldmia r1!, {r5}\n"                \
  "sxth r4, r5\n"                    \
  "asrs r5, r5, #16\n"               \
  "ldmia r0!, {r6, r7}\n"            \
  HWK_WINOGRAD4_ROW("r6", "r8")      \
  HWK_WINOGRAD4_ROW("r7", "r9")      \
  "ldmia r0!, {r6, r7}\n"            \
  HWK_WINOGRAD4_ROW("r6", "r10")     \
  HWK_WINOGRAD4_ROW("r7", "r11")

__attribute__((naked)) HWK_NOINLINE void hwk_winograd4_products(
    __attribute__((unused)) const int32_t *weights, __attribute__((unused)) const int32_t *tile,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) int32_t pairs) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "push {r2, r4, r5, r6, r7}\n" /* the sums start where the tile ends */
      "lsls r3, r3, #2\n"
      "mov r12, r3\n" /* bytes of a position */
      "mov lr, r1\n"
      "1:\n"
      "add lr, r12\n" /* end of the position */
      "movs r3, #0\n"
      "mov r8, r3\n"
      "mov r9, r3\n"
      "mov r10, r3\n"
      "mov r11, r3\n"
      "2:\n" HWK_WINOGRAD4_PAIR HWK_WINOGRAD4_PAIR
      "cmp r1, lr\n"
      "bne 2b\n"
      "mov r4, r8\n"
      "mov r5, r9\n"
      "mov r6, r10\n"
      "mov r7, r11\n"
      "stmia r2!, {r4, r5, r6, r7}\n"
      "ldr r3, [sp]\n"
      "cmp r1, r3\n"
      "bne 1b\n"
      "pop {r2, r4, r5, r6, r7}\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#else

HWK_INLINE void hwk_winograd4_products(const int32_t *weights, const int32_t *tile, int32_t *sums,
                                       int32_t pairs) {
  for (const int32_t *end = sums; tile != end; tile += pairs, sums += HWK_WINOGRAD4_ROWS) {
    for (int32_t n = 0; n < HWK_WINOGRAD4_ROWS; ++n) {
      sums[n] = 0;
    }
    for (int32_t k = 0; k < pairs; ++k) {
      for (int32_t n = 0; n < HWK_WINOGRAD4_ROWS; ++n) {
        int32_t w = *weights++, x = tile[k];
        sums[n] = hwk_mla(sums[n], (int16_t)w, (int16_t)x);
        sums[n] = hwk_mla(sums[n], w >> 16, x >> 16);
      }
    }
  }
}

#endif

#endif
