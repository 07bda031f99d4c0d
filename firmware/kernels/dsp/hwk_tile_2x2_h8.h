/* hwk_tile_2x4_h8.h for what is left where the pixels are no multiple of four: one or two of them.
 * The columns and the stream are the same. */
#ifndef HWK_TILE_2X2_H8_H
#define HWK_TILE_2X2_H8_H

#include <hwk_tile_2x4_h8.h>

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* As hwk_h8_channels, of the first two pixels. r6 and r7 have their outputs, r10 the end of the
 * columns, r11 the channels that are left, the stack the columns. */
__attribute__((naked)) HWK_NOINLINE void hwk_h8_channels_of_two(
    __attribute__((unused)) const int32_t *columns, __attribute__((unused)) const int32_t *stream,
    __attribute__((unused)) int32_t channels,
    __attribute__((unused)) const hwk_h8_pixels_t *pixels) {
  __asm__(
      ".syntax unified\n"
      "push.w {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "ldmia.w r3, {r3, r6, r7}\n"
      "mov r10, r3\n"
      "mov r11, r2\n"
      "1:\n"
      "ldmia.w r1!, {r4, r8}\n"
      "mov r5, r4\n"
      "mov r9, r8\n"
      "2:\n"
      "ldrd r12, lr, [r0], #16\n"
      "ldmia.w r1!, {r2, r3}\n"
      "smlad r4, r2, r12, r4\n"
      "smlad r5, r2, lr, r5\n"
      "smlad r8, r3, r12, r8\n"
      "smlad r9, r3, lr, r9\n"
      "ldrd r12, lr, [r0], #16\n"
      "sxtb16 r2, r2\n"
      "sxtb16 r3, r3\n"
      "smlad r4, r2, r12, r4\n"
      "smlad r5, r2, lr, r5\n"
      "smlad r8, r3, r12, r8\n"
      "smlad r9, r3, lr, r9\n"
      "cmp r0, r10\n"
      "bne.n 2b\n"
      "mov.w lr, #64\n"
      "ldmia.w r1!, {r2, r3, r12}\n"
      HWK_H8_RESCALE("r4") HWK_H8_RESCALE("r5")
      "ldmia.w r1!, {r2, r3, r12}\n"
      HWK_H8_RESCALE("r8") HWK_H8_RESCALE("r9")
      "strb r5, [r7], #1\n"
      "strb r4, [r6], #1\n"
      "subs.w r11, r11, #1\n"
      "beq.n 3f\n"
      "strb r9, [r7], #1\n"
      "strb r8, [r6], #1\n"
      "subs.w r11, r11, #1\n"
      "ldr r0, [sp]\n"
      "bne.n 1b\n"
      "3:\n"
      "pop.w {r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

/* As hwk_h8_channels, of the first pixel. r6 has its output, r10 the end of the column, r11 the
 * channels that are left, the stack the column. */
__attribute__((naked)) HWK_NOINLINE void hwk_h8_channels_of_one(
    __attribute__((unused)) const int32_t *columns, __attribute__((unused)) const int32_t *stream,
    __attribute__((unused)) int32_t channels,
    __attribute__((unused)) const hwk_h8_pixels_t *pixels) {
  __asm__(
      ".syntax unified\n"
      "push.w {r0, r4, r6, r8, r10, r11, lr}\n"
      "ldrd r10, r6, [r3]\n"
      "mov r11, r2\n"
      "1:\n"
      "ldmia.w r1!, {r4, r8}\n"
      "2:\n"
      "ldr r12, [r0], #16\n"
      "ldr lr, [r0], #16\n"
      "ldmia.w r1!, {r2, r3}\n"
      "smlad r4, r2, r12, r4\n"
      "smlad r8, r3, r12, r8\n"
      "sxtb16 r2, r2\n"
      "sxtb16 r3, r3\n"
      "smlad r4, r2, lr, r4\n"
      "smlad r8, r3, lr, r8\n"
      "cmp r0, r10\n"
      "bne.n 2b\n"
      "mov.w lr, #64\n"
      "ldmia.w r1!, {r2, r3, r12}\n"
      HWK_H8_RESCALE("r4")
      "ldmia.w r1!, {r2, r3, r12}\n"
      HWK_H8_RESCALE("r8")
      "strb r4, [r6], #1\n"
      "subs.w r11, r11, #1\n"
      "beq.n 3f\n"
      "strb r8, [r6], #1\n"
      "subs.w r11, r11, #1\n"
      "ldr r0, [sp]\n"
      "bne.n 1b\n"
      "3:\n"
      "pop.w {r0, r4, r6, r8, r10, r11, pc}\n");
}

#else

/* As hwk_h8_channels, which computes four pixels as easily here. */
HWK_INLINE void hwk_h8_channels_of_one(const int32_t *columns, const int32_t *stream,
                                       int32_t channels, const hwk_h8_pixels_t *pixels) {
  hwk_h8_channels(columns, stream, channels, pixels);
}
HWK_INLINE void hwk_h8_channels_of_two(const int32_t *columns, const int32_t *stream,
                                       int32_t channels, const hwk_h8_pixels_t *pixels) {
  hwk_h8_channels(columns, stream, channels, pixels);
}

#endif

#endif
