/* The inner loop of convolution by pairs of pixels: four channels times two columns of bytes, all
 * channels in turn, with the rescale and the store. Weights serve both columns, so that 16 taps of
 * eight sums take 16 instructions.
 *
 * The stream holds for each four channels, missing ones zeros:
 *
 *   16 bytes a channel   weights of the first `rest` taps, 1 to 16, then zeros
 *   16 bytes a channel   of the next 16 taps, `full` times
 *   4 words each         biases; multipliers; 31 - shift, below 0: double rounding
 */
#ifndef HWK_TILE_4X2_H
#define HWK_TILE_4X2_H

#include <hwk_kernel.h>

/* Two columns of 16 * full + rest taps, where their outputs go, `channels` of each. The last two of
 * these are counted on. */
typedef struct {
  const int8_t *column[2];
  int32_t full;
  int32_t rest;
  int8_t *output[2];
  int32_t channels;
  int32_t zero_point;
} hwk_column_pair_t;

/* Weights of one channel, its sums for both columns. */
#define HWK_PAIR_FIRST(weights, a, b)           \
  "vldrb.u8 " weights ", [r5], #16\n"           \
  "vmladav.s8 " a ", q0, " weights "\n"         \
  "vmladav.s8 " b ", q1, " weights "\n"
#define HWK_PAIR_MORE(weights, a, b)            \
  "vldrb.u8 " weights ", [r5], #16\n"           \
  "vmladava.s8 " a ", q0, " weights "\n"        \
  "vmladava.s8 " b ", q1, " weights "\n"

/* Four sums rescaled; multipliers in q2, shifts in q3, q4 is lost. */
#define HWK_PAIR_SCALE(sum)                     \
  "vqrdmulh.s32 " sum ", " sum ", q2\n"         \
  "vshr.s32 q4, " sum ", #31\n"                 \
  "vadd.i32 " sum ", " sum ", q4\n"             \
  "vrshl.s32 " sum ", " sum ", q3\n"            \
  "vqadd.s32 " sum ", " sum ", r1\n"            \
  "vqmovnb.s32 " sum ", " sum "\n"              \
  "vqmovnb.s16 " sum ", " sum "\n"

/* Sums of the first column in r0, r2, r4, r6, of the second in r8, r10, r12, r14; r11 has the pair, r9
 * its `rest`. */
__attribute__((naked)) HWK_NOINLINE void hwk_pair_channels(
    __attribute__((unused)) hwk_column_pair_t *pair, __attribute__((unused)) const void *stream) {
  __asm__(
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "sub sp, #4\n"
      "vpush {d8, d9}\n"
      "mov r11, r0\n"
      "mov r5, r1\n"
      "ldr.w r9, [r11, #12]\n"
      "1:\n"
      "ldrd r1, r3, [r11]\n"
      "ldr.w r7, [r11, #8]\n"
      "vctp.8 r9\n"
      "vpstt\n"
      "vldrbt.u8 q0, [r1]\n"
      "vldrbt.u8 q1, [r3]\n"
      HWK_PAIR_FIRST("q2", "r0", "r8") HWK_PAIR_FIRST("q3", "r2", "r10")
      HWK_PAIR_FIRST("q2", "r4", "r12") HWK_PAIR_FIRST("q3", "r6", "lr")
      "add r1, r9\n"
      "add r3, r9\n"
      "cbz r7, 3f\n"
      "2:\n"
      "vldrb.u8 q0, [r1], #16\n"
      "vldrb.u8 q1, [r3], #16\n"
      HWK_PAIR_MORE("q2", "r0", "r8") HWK_PAIR_MORE("q3", "r2", "r10")
      HWK_PAIR_MORE("q2", "r4", "r12") HWK_PAIR_MORE("q3", "r6", "lr")
      "subs r7, #1\n"
      "bne.n 2b\n"
      "3:\n"
      "vmov q0[2], q0[0], r0, r4\n"
      "vmov q0[3], q0[1], r2, r6\n"
      "vmov q1[2], q1[0], r8, r12\n"
      "vmov q1[3], q1[1], r10, lr\n"
      "vldrw.u32 q2, [r5], #16\n"
      "vadd.i32 q0, q0, q2\n"
      "vadd.i32 q1, q1, q2\n"
      "vldrw.u32 q2, [r5], #16\n"
      "vldrw.u32 q3, [r5], #16\n"
      "ldrd r4, r1, [r11, #24]\n"
      HWK_PAIR_SCALE("q0") HWK_PAIR_SCALE("q1")
      "ldrd r0, r2, [r11, #16]\n"
      "vctp.32 r4\n"
      "vpstt\n"
      "vstrbt.32 q0, [r0], #4\n"
      "vstrbt.32 q1, [r2], #4\n"
      "strd r0, r2, [r11, #16]\n"
      "subs r4, #4\n"
      "str.w r4, [r11, #24]\n"
      "bgt.w 1b\n"
      "vpop {d8, d9}\n"
      "add sp, #4\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#endif
