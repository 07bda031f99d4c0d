/* The inner loop of convolution on hwk_h8.h: two channels times four pixels, all channels in turn. */
#ifndef HWK_TILE_2X4_H8_H
#define HWK_TILE_2X4_H8_H

#include <hwk_h8.h>

#define HWK_H8_PIXELS 4

/* Where the columns of four pixels end, and where their outputs start. A pixel that is not there
 * has the first one's output, which is written last. */
typedef struct {
  const int32_t *end;
  int8_t *output[HWK_H8_PIXELS];
} hwk_h8_pixels_t;

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* Four taps: 32 products in 23 instructions; every register but the stack pointer is taken. */
#define HWK_H8_FOUR(first)                     \
  "ldmia.w r0!, {r12, lr}\n"                   \
  first                                        \
  "smlad r4, r2, r12, r4\n"                    \
  "smlad r5, r2, lr, r5\n"                     \
  "smlad r8, r3, r12, r8\n"                    \
  "smlad r9, r3, lr, r9\n"                     \
  "ldmia.w r0!, {r12, lr}\n"                   \
  "smlad r6, r2, r12, r6\n"                    \
  "smlad r7, r2, lr, r7\n"                     \
  "smlad r10, r3, r12, r10\n"                  \
  "smlad r11, r3, lr, r11\n"
#define HWK_H8_STEP                            \
  HWK_H8_FOUR("ldmia.w r1!, {r2, r3}\n")       \
  "sxtb16 r2, r2\n"                            \
  "sxtb16 r3, r3\n"                            \
  HWK_H8_FOUR("")

/* The biases, in r4 and r8, and the first four taps: nothing is copied or zeroed. */
#define HWK_H8_FIRST                           \
  "ldmia.w r1!, {r4, r8, r12, lr}\n"           \
  "ldmia.w r0!, {r2, r3, r10, r11}\n"          \
  "smlad r5, r12, r3, r4\n"                    \
  "smlad r9, lr, r3, r8\n"                     \
  "smlad r6, r12, r10, r4\n"                   \
  "smlad r10, lr, r10, r8\n"                   \
  "smlad r7, r12, r11, r4\n"                   \
  "smlad r11, lr, r11, r8\n"                   \
  "smlad r4, r12, r2, r4\n"                    \
  "smlad r8, lr, r2, r8\n"                     \
  "sxtb16 r2, r12\n"                           \
  "sxtb16 r3, lr\n"                            \
  HWK_H8_FOUR("")

/* All channels of four pixels. columns: for each four taps the odd pairs of the pixels, then
 * their mixed pairs; at least four taps. After the first quad of taps unrolled eight times, and
 * entered where the rest of the quads by eight says. On the stack: the channels that are left, less
 * than zero; where the outputs end; columns; where to enter; end. */
__attribute__((naked)) HWK_NOINLINE void hwk_h8_channels(
    __attribute__((unused)) const int32_t *columns, __attribute__((unused)) const int32_t *stream,
    __attribute__((unused)) int32_t channels,
    __attribute__((unused)) const hwk_h8_pixels_t *pixels) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "ldmia.w r3, {r3, r5, r6, r7, r8}\n"
      "add r5, r2\n"
      "add r6, r2\n"
      "add r7, r2\n"
      "add r8, r2\n"
      "rsbs r4, r2, #0\n"
      "mov r11, r3\n"
      "sub r3, r3, r0\n"
      "lsrs r3, r3, #5\n"
      "subs r3, #1\n"
      "and r9, r3, #7\n"
      "it eq\n"
      "moveq r9, #8\n"
      "adr.w r10, 0f\n"
      "ldrh.w r9, [r10, r9, lsl #1]\n"
      "add r10, r10, r9\n"
      "mov r9, r0\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11}\n"
      "b.n 9f\n"
      ".balign 4\n"
      "0:\n"
      ".short 8f - 0b + 1, 1f - 0b + 1, 2f - 0b + 1, 3f - 0b + 1, 4f - 0b + 1\n"
      ".short 5f - 0b + 1, 6f - 0b + 1, 7f - 0b + 1, 10f - 0b + 1, 0\n"
      "9:\n"
      HWK_H8_FIRST
      "ldr pc, [sp, #24]\n"
      "8:\n" HWK_H8_STEP
      "7:\n" HWK_H8_STEP
      "6:\n" HWK_H8_STEP
      "5:\n" HWK_H8_STEP
      "4:\n" HWK_H8_STEP
      "3:\n" HWK_H8_STEP
      "2:\n" HWK_H8_STEP
      "1:\n" HWK_H8_STEP
      "ldr r2, [sp, #28]\n"
      "cmp r0, r2\n"
      "bne.w 8b\n"
      "10:\n"
      "mov.w lr, #64\n"
      "ldmia.w r1!, {r2, r3, r12}\n"
      HWK_H8_RESCALE("r4") HWK_H8_RESCALE("r5") HWK_H8_RESCALE("r6") HWK_H8_RESCALE("r7")
      "ldmia.w r1!, {r2, r3, r12}\n"
      HWK_H8_RESCALE("r8") HWK_H8_RESCALE("r9") HWK_H8_RESCALE("r10") HWK_H8_RESCALE("r11")
      "ldmia.w sp, {r0, r2, r3, r12, lr}\n"
      "strb.w r7, [lr, r0]\n"
      "strb.w r6, [r12, r0]\n"
      "strb.w r5, [r3, r0]\n"
      "strb.w r4, [r2, r0]\n"
      "adds r0, #1\n"
      "beq.n 11f\n"
      "strb.w r11, [lr, r0]\n"
      "strb.w r10, [r12, r0]\n"
      "strb.w r9, [r3, r0]\n"
      "strb.w r8, [r2, r0]\n"
      "adds r0, #1\n"
      "str r0, [sp]\n"
      "ldr r0, [sp, #20]\n"
      "bne.w 9b\n"
      "11:\n"
      "add sp, #32\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* Four taps of one channel by four pixels, `pairs` those that its weights meet. */
HWK_INLINE void hwk_h8_four(int32_t sum[HWK_H8_PIXELS], int32_t weights, const int32_t *pairs) {
  for (int32_t n = 0; n < HWK_H8_PIXELS; ++n) {
    sum[n] = hwk_mla_pair(sum[n], weights, pairs[n]);
  }
}

/* All channels of four pixels. columns: for each four taps the odd pairs of the pixels, then
 * their mixed pairs; at least four taps. */
HWK_INLINE void hwk_h8_channels(const int32_t *columns, const int32_t *stream, int32_t channels,
                                const hwk_h8_pixels_t *pixels) {
  for (int32_t channel = 0; channel < channels; channel += 2) {
    int32_t sums[2][HWK_H8_PIXELS];
    for (int32_t n = 0; n < HWK_H8_PIXELS; ++n) {
      sums[0][n] = stream[0];
      sums[1][n] = stream[1];
    }
    stream += 2;
    for (const int32_t *at = columns; at < pixels->end; at += 2 * HWK_H8_PIXELS, stream += 2) {
      for (int32_t c = 0; c < 2; ++c) {
        hwk_h8_four(sums[c], stream[c], at);
        hwk_h8_four(sums[c], hwk_even_pair((uint32_t)stream[c]), at + HWK_H8_PIXELS);
      }
    }
    for (int32_t c = 0; c < 2; ++c, stream += 3) {
      for (int32_t n = HWK_H8_PIXELS - 1; n >= 0 && channel + c < channels; --n) {
        pixels->output[n][channel + c] = hwk_h8_rescaled(sums[c][n], stream);
      }
    }
  }
}

#endif

#endif
