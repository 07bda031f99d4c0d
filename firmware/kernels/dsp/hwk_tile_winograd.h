/* The sums of products of Winograd's convolutions, position by position of the transformed tiles:
 * two of one kind times four of the other, tiles or output channels. */
#ifndef HWK_TILE_WINOGRAD_H
#define HWK_TILE_WINOGRAD_H

#include <hwk_pairs.h>

#define HWK_WINOGRAD_FOURS 4
#define HWK_WINOGRAD_TWOS 2
#define HWK_WINOGRAD_PRODUCTS (HWK_WINOGRAD_TWOS * HWK_WINOGRAD_FOURS) /* at a position */

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

/* The first pair, which needs no sums of zero. */
#define HWK_WINOGRAD_FIRST     \
  "ldmia.w r1!, {r2, r3}\n"    \
  "ldmia.w r0!, {r12, lr}\n"   \
  "smuad r4, r2, r12\n"        \
  "smuad r5, r2, lr\n"         \
  "smuad r8, r3, r12\n"        \
  "smuad r9, r3, lr\n"         \
  "ldmia.w r0!, {r12, lr}\n"   \
  "smuad r6, r2, r12\n"        \
  "smuad r7, r2, lr\n"         \
  "smuad r10, r3, r12\n"       \
  "smuad r11, r3, lr\n"

/* fours  of each position, of each pair of input channels, four words
 * twos   of each position, of each pair of input channels, two words
 * sums   of each position, of the first of the two its sums with the four, then of the second;
 *        modulo 2^32
 * pairs  of input channels, a multiple of 4
 * end    behind the last sums
 *
 * On the stack: where the present position of the fours ends, sums, bytes of such a position. */
__attribute__((naked)) HWK_NOINLINE void hwk_winograd_products(
    __attribute__((unused)) const int32_t *fours, __attribute__((unused)) const int32_t *twos,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) int32_t pairs,
    __attribute__((unused)) const int32_t *end) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "lsls r3, r3, #4\n"
      "push {r2, r3}\n"
      "adds r2, r0, r3\n"
      "push {r2}\n"
      "1:\n" HWK_WINOGRAD_FIRST HWK_WINOGRAD_PAIR HWK_WINOGRAD_PAIR HWK_WINOGRAD_PAIR
      "ldr r2, [sp]\n"
      "cmp r0, r2\n"
      "beq.w 3f\n"
      "2:\n" HWK_WINOGRAD_PAIR HWK_WINOGRAD_PAIR HWK_WINOGRAD_PAIR HWK_WINOGRAD_PAIR
      "ldr r2, [sp]\n"
      "cmp r0, r2\n"
      "bne.w 2b\n"
      "3:\n"
      "ldrd r3, r12, [sp, #4]\n"
      "add r2, r12\n"
      "stmia.w r3!, {r4, r5, r6, r7, r8, r9, r10, r11}\n"
      "strd r2, r3, [sp]\n"
      "ldr r2, [sp, #48]\n"
      "cmp r3, r2\n"
      "bne.w 1b\n"
      "add sp, #12\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* fours  of each position, of each pair of input channels, four words
 * twos   of each position, of each pair of input channels, two words
 * sums   of each position, of the first of the two its sums with the four, then of the second;
 *        modulo 2^32
 * pairs  of input channels, a multiple of 4
 * end    behind the last sums */
HWK_INLINE void hwk_winograd_products(const int32_t *fours, const int32_t *twos, int32_t *sums,
                                      int32_t pairs, const int32_t *end) {
  for (; sums != end; sums += HWK_WINOGRAD_PRODUCTS) {
    for (int32_t n = 0; n < HWK_WINOGRAD_PRODUCTS; ++n) {
      const int32_t *of_four = fours + n % HWK_WINOGRAD_FOURS;
      const int32_t *of_two = twos + n / HWK_WINOGRAD_FOURS;
      sums[n] = 0;
      for (int32_t k = 0; k < pairs; ++k) {
        sums[n] = hwk_mla_pair(sums[n], of_four[HWK_WINOGRAD_FOURS * k],
                               of_two[HWK_WINOGRAD_TWOS * k]);
      }
    }
    fours += HWK_WINOGRAD_FOURS * pairs;
    twos += HWK_WINOGRAD_TWOS * pairs;
  }
}

#endif

#endif
