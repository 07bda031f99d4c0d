/* The inner loops of depthwise 3x3 convolution: two output rows of one channel.
 *
 * columns  of each column of the input the rows under the two outputs, in pairs, a word each: two
 *          words at a stride of 1, three at a stride of 2
 * weights  of each kernel column a word: of its weights a, b, c the bytes a b b c
 * sums     two neighbouring outputs of the upper row, then the same two of the lower row
 * end      behind the last sums
 *
 * (a, b) and (b, c) are all the pairs that either output row needs: at a stride of 1 the rows
 * (p, q), (r, s) are multiplied by (a, b) and c alone for the upper one, by a alone and (b, c) for
 * the lower one. */
#ifndef HWK_TILE_3X3_H
#define HWK_TILE_3X3_H

#include <hwk_pairs.h>

typedef void hwk_tile_3x3_t(const int32_t *columns, const int8_t *weights, int32_t *sums,
                            const int32_t *end, int32_t bias);

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* (a, b) of the kernel's columns in r4, r6, r8, (b, c) in r5, r7, r9. The sums' end and the bias lie
 * on the stack. */
#define HWK_TILE_3X3_START                                \
  ".syntax unified\n"                                     \
  "push.w {r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"   \
  "ldrd r5, r7, [r1]\n"                                   \
  "ldr r9, [r1, #8]\n"                                    \
  "mov r1, r2\n"                                          \
  "sxtb16 r4, r5\n"                                       \
  "sxtb16 r5, r5, ror #8\n"                               \
  "sxtb16 r6, r7\n"                                       \
  "sxtb16 r7, r7, ror #8\n"                               \
  "sxtb16 r8, r9\n"                                       \
  "sxtb16 r9, r9, ror #8\n"                               \
  "1:\n"                                                  \
  "ldr lr, [sp, #40]\n"

#define HWK_TILE_3X3_END                                  \
  "ldr r2, [sp]\n"                                        \
  "stmia.w r1!, {r10, r11, r12, lr}\n"                    \
  "cmp r1, r2\n"                                          \
  "bne.n 1b\n"                                            \
  "pop.w {r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}\n"

/* 36 products in 33 instructions. */
__attribute__((naked)) HWK_NOINLINE void hwk_tile_3x3_stride1(
    __attribute__((unused)) const int32_t *columns, __attribute__((unused)) const int8_t *weights,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) const int32_t *end,
    __attribute__((unused)) int32_t bias) {
  __asm__(HWK_TILE_3X3_START
          "ldrd r2, r3, [r0]\n"
          "smlad r10, r2, r4, lr\n"
          "smlatb r12, r2, r4, lr\n"
          "smlabt r10, r3, r5, r10\n"
          "smlad r12, r3, r5, r12\n"
          "ldrd r2, r3, [r0, #8]\n"
          "smlad r10, r2, r6, r10\n"
          "smlatb r12, r2, r6, r12\n"
          "smlad r11, r2, r4, lr\n"
          "smlatb lr, r2, r4, lr\n"
          "smlabt r10, r3, r7, r10\n"
          "smlad r12, r3, r7, r12\n"
          "smlabt r11, r3, r5, r11\n"
          "smlad lr, r3, r5, lr\n"
          "ldrd r2, r3, [r0, #16]!\n"
          "smlad r10, r2, r8, r10\n"
          "smlatb r12, r2, r8, r12\n"
          "smlad r11, r2, r6, r11\n"
          "smlatb lr, r2, r6, lr\n"
          "smlabt r10, r3, r9, r10\n"
          "smlad r12, r3, r9, r12\n"
          "smlabt r11, r3, r7, r11\n"
          "smlad lr, r3, r7, lr\n"
          "ldrd r2, r3, [r0, #8]\n"
          "smlad r11, r2, r8, r11\n"
          "smlatb lr, r2, r8, lr\n"
          "smlabt r11, r3, r9, r11\n"
          "smlad lr, r3, r9, lr\n"
          HWK_TILE_3X3_END);
}

/* 36 products in 39 instructions. */
__attribute__((naked)) HWK_NOINLINE void hwk_tile_3x3_stride2(
    __attribute__((unused)) const int32_t *columns, __attribute__((unused)) const int8_t *weights,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) const int32_t *end,
    __attribute__((unused)) int32_t bias) {
  __asm__(HWK_TILE_3X3_START
          "ldrd r2, r3, [r0]\n"
          "smlad r10, r2, r4, lr\n"
          "ldr r2, [r0, #8]\n"
          "smlad r12, r3, r4, lr\n"
          "smlabt r10, r3, r5, r10\n"
          "smlabt r12, r2, r5, r12\n"
          "ldrd r2, r3, [r0, #12]\n"
          "smlad r10, r2, r6, r10\n"
          "ldr r2, [r0, #20]\n"
          "smlad r12, r3, r6, r12\n"
          "smlabt r10, r3, r7, r10\n"
          "smlabt r12, r2, r7, r12\n"
          "ldrd r2, r3, [r0, #24]\n"
          "smlad r10, r2, r8, r10\n"
          "smlad r11, r2, r4, lr\n"
          "ldr r2, [r0, #32]\n"
          "smlad r12, r3, r8, r12\n"
          "smlad lr, r3, r4, lr\n"
          "smlabt r10, r3, r9, r10\n"
          "smlabt r11, r3, r5, r11\n"
          "smlabt r12, r2, r9, r12\n"
          "smlabt lr, r2, r5, lr\n"
          "ldrd r2, r3, [r0, #36]\n"
          "smlad r11, r2, r6, r11\n"
          "ldr r2, [r0, #44]\n"
          "smlad lr, r3, r6, lr\n"
          "smlabt r11, r3, r7, r11\n"
          "smlabt lr, r2, r7, lr\n"
          "ldrd r2, r3, [r0, #48]!\n"
          "smlad r11, r2, r8, r11\n"
          "ldr r2, [r0, #8]\n"
          "smlad lr, r3, r8, lr\n"
          "smlabt r11, r3, r9, r11\n"
          "smlabt lr, r2, r9, lr\n"
          HWK_TILE_3X3_END);
}

#else

HWK_INLINE void hwk_tile_3x3(const int32_t *columns, const int8_t *weights, int32_t *sums,
                             const int32_t *end, int32_t bias, int32_t stride) {
  int32_t words = stride + 1;
  for (; sums != end; sums += 4, columns += 2 * stride * words) {
    for (int32_t n = 0; n < 4; ++n) {
      int32_t lower = n / 2;
      sums[n] = bias;
      for (int32_t c = 0; c < 3; ++c) {
        const int32_t *column = columns + (n % 2 * stride + c) * words;
        uint32_t word = hwk_load4_aligned(weights + 4 * c);
        int32_t ab = hwk_even_pair(word), bc = hwk_odd_pair(word);
        if (lower && stride == 1) {
          sums[n] = hwk_mla_high_low(sums[n], column[0], ab);
          sums[n] = hwk_mla_pair(sums[n], column[1], bc);
        } else {
          sums[n] = hwk_mla_pair(sums[n], column[lower], ab);
          sums[n] = hwk_mla_low_high(sums[n], column[lower + 1], bc);
        }
      }
    }
  }
}

HWK_INLINE void hwk_tile_3x3_stride1(const int32_t *columns, const int8_t *weights, int32_t *sums,
                                     const int32_t *end, int32_t bias) {
  hwk_tile_3x3(columns, weights, sums, end, bias, 1);
}

HWK_INLINE void hwk_tile_3x3_stride2(const int32_t *columns, const int8_t *weights, int32_t *sums,
                                     const int32_t *end, int32_t bias) {
  hwk_tile_3x3(columns, weights, sums, end, bias, 2);
}

#endif

#endif
