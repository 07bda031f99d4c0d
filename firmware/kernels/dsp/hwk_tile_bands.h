/* Depthwise 3x3 at a stride of 1, the inner loop: up to four output rows of one channel, with the
 * rescale and the store.
 *
 * columns  of each column of the input the six rows under four outputs, in pairs, three words
 * stream   of each kernel column a word, of its weights a, b, c the bytes a b b c; then 2 * bias
 *          modulo 2^32, multiplier, offset, right: right = shift - 31 and
 *          offset = (2 * zero_point + 1) << (right - 1)
 * to       the first output of the upper row
 *
 * Two rows at a time, as in hwk_tile_3x3.h. Weights are doubled, so are the sums, and the double
 * rounding of hwk_rescale_high.h takes the doubled ones. */
#ifndef HWK_TILE_BANDS_H
#define HWK_TILE_BANDS_H

#include <hwk_pairs.h>

#define HWK_BAND_WORDS 3   /* of a column */
#define HWK_BAND_ROWS 4    /* of outputs at the most */
#define HWK_BAND_STREAM 7  /* words of a channel */

/* Bytes from an output to the next one in its row and in its column, outputs in a row, rows. */
typedef struct {
  int32_t pixel;
  int32_t row;
  int32_t width;
  int32_t rows;
} hwk_band_outputs_t;

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* A doubled sum to an output in r7; multiplier, offset and right in r2, r3, r4. */
#define HWK_BAND_RESCALE(sum)             \
  "smmlar r7, " sum ", r2, r3\n"          \
  "add r7, r7, " sum ", asr #31\n"        \
  "asrs r7, r4\n"                         \
  "ssat r7, #8, r7\n"

/* (a, b) of the kernel's columns in r4, r6, r8, (b, c) in r5, r7, r9, the bias in lr. On the stack:
 * 0 multiplier, offset, right, pixel, row, 20 the first four pairs of weights, 36 bias, 40 where
 * whole tiles end, 44 columns, 48 to, 52 width, 56 rows. A lower row that is not there is the upper
 * one, which is written after it. */
__attribute__((naked)) HWK_NOINLINE void hwk_band_channel(
    __attribute__((unused)) const int32_t *columns, __attribute__((unused)) const int32_t *stream,
    __attribute__((unused)) int8_t *to, __attribute__((unused)) const hwk_band_outputs_t *outputs) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "sub sp, #60\n"
      "ldmia.w r3, {r4, r5, r6, r7}\n"
      "ldmia.w r1!, {r8, r9, r10, r11, r12, lr}\n"
      "ldr r3, [r1]\n"
      "strd r12, lr, [sp]\n"
      "strd r3, r4, [sp, #8]\n"
      "bic r1, r6, #1\n"
      "add.w r1, r1, r1, lsl #1\n"
      "add.w r1, r0, r1, lsl #2\n"
      "strd r11, r1, [sp, #36]\n"
      "strd r0, r2, [sp, #44]\n"
      "strd r6, r7, [sp, #52]\n"
      "str r5, [sp, #16]\n"
      "mov r3, r7\n"
      "mov r1, r2\n"
      "mov lr, r11\n"
      "sxtb16 r4, r8\n"
      "sxtb16 r5, r8, ror #8\n"
      "sxtb16 r6, r9\n"
      "sxtb16 r7, r9, ror #8\n"
      "sxtb16 r8, r10\n"
      "sxtb16 r9, r10, ror #8\n"
      "sadd16 r4, r4, r4\n"
      "sadd16 r5, r5, r5\n"
      "sadd16 r6, r6, r6\n"
      "sadd16 r7, r7, r7\n"
      "sadd16 r8, r8, r8\n"
      "sadd16 r9, r9, r9\n"
      "strd r4, r5, [sp, #20]\n"
      "strd r6, r7, [sp, #28]\n"
      /* Two of the rows that r3 counts. */
      "1:\n"
      "cmp r3, #1\n"
      "bne.n 2f\n"
      "movs r2, #0\n"
      "str r2, [sp, #16]\n"
      "2:\n"
      "ldr r2, [sp, #52]\n"
      "cmp r2, #1\n"
      "beq.n 4f\n"
      /* Two columns. */
      "3:\n"
      "ldrd r2, r3, [r0]\n"
      "smlad r10, r2, r4, lr\n"
      "smlatb r12, r2, r4, lr\n"
      "smlabt r10, r3, r5, r10\n"
      "smlad r12, r3, r5, r12\n"
      "ldrd r2, r3, [r0, #12]\n"
      "smlad r10, r2, r6, r10\n"
      "smlatb r12, r2, r6, r12\n"
      "smlad r11, r2, r4, lr\n"
      "smlatb lr, r2, r4, lr\n"
      "smlabt r10, r3, r7, r10\n"
      "smlad r12, r3, r7, r12\n"
      "smlabt r11, r3, r5, r11\n"
      "smlad lr, r3, r5, lr\n"
      "ldrd r2, r3, [r0, #24]!\n"
      "smlad r10, r2, r8, r10\n"
      "smlatb r12, r2, r8, r12\n"
      "smlad r11, r2, r6, r11\n"
      "smlatb lr, r2, r6, lr\n"
      "smlabt r10, r3, r9, r10\n"
      "smlad r12, r3, r9, r12\n"
      "smlabt r11, r3, r7, r11\n"
      "smlad lr, r3, r7, lr\n"
      "ldrd r2, r3, [r0, #12]\n"
      "smlad r11, r2, r8, r11\n"
      "smlatb lr, r2, r8, lr\n"
      "smlabt r11, r3, r9, r11\n"
      "smlad lr, r3, r9, lr\n"
      "ldmia.w sp, {r2, r3, r4, r5, r6}\n"
      HWK_BAND_RESCALE("r12")
      "strb r7, [r1, r6]\n"
      HWK_BAND_RESCALE("r10")
      "strb r7, [r1]\n"
      "add r1, r5\n"
      HWK_BAND_RESCALE("lr")
      "strb r7, [r1, r6]\n"
      HWK_BAND_RESCALE("r11")
      "strb r7, [r1]\n"
      "add r1, r5\n"
      "ldrd r4, r5, [sp, #20]\n"
      "ldrd r6, r7, [sp, #28]\n"
      "ldr r2, [sp, #40]\n"
      "ldr lr, [sp, #36]\n"
      "cmp r0, r2\n"
      "bne.w 3b\n"
      /* The last column of an odd number. */
      "ldr r2, [sp, #52]\n"
      "lsls r2, r2, #31\n"
      "beq.n 5f\n"
      "4:\n"
      "ldrd r2, r3, [r0]\n"
      "smlad r10, r2, r4, lr\n"
      "smlatb r12, r2, r4, lr\n"
      "smlabt r10, r3, r5, r10\n"
      "smlad r12, r3, r5, r12\n"
      "ldrd r2, r3, [r0, #12]\n"
      "smlad r10, r2, r6, r10\n"
      "smlatb r12, r2, r6, r12\n"
      "smlabt r10, r3, r7, r10\n"
      "smlad r12, r3, r7, r12\n"
      "ldrd r2, r3, [r0, #24]\n"
      "smlad r10, r2, r8, r10\n"
      "smlatb r12, r2, r8, r12\n"
      "smlabt r10, r3, r9, r10\n"
      "smlad r12, r3, r9, r12\n"
      "ldmia.w sp, {r2, r3, r4, r5, r6}\n"
      HWK_BAND_RESCALE("r12")
      "strb r7, [r1, r6]\n"
      HWK_BAND_RESCALE("r10")
      "strb r7, [r1]\n"
      "5:\n"
      "ldr r3, [sp, #56]\n"
      "subs r3, #2\n"
      "ble.n 6f\n"
      "str r3, [sp, #56]\n"
      "ldrd r0, r1, [sp, #44]\n"
      "ldrd r4, r5, [sp, #20]\n"
      "ldrd r6, r7, [sp, #28]\n"
      "ldr r2, [sp, #16]\n"
      "ldr.w r10, [sp, #40]\n"
      "ldr lr, [sp, #36]\n"
      "adds r0, #4\n"
      "add.w r1, r1, r2, lsl #1\n"
      "add.w r10, r10, #4\n"
      "str.w r10, [sp, #40]\n"
      "b.n 1b\n"
      "6:\n"
      "add sp, #60\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* The doubled sum of one output, `column` the first pair of rows under the upper of two outputs. */
HWK_INLINE int32_t hwk_band_sum(const int32_t *column, const int32_t *stream, int lower) {
  int32_t sum = stream[3];
  for (int32_t c = 0; c < 3; ++c, column += HWK_BAND_WORDS) {
    int32_t ab = hwk_even_pair((uint32_t)stream[c]), bc = hwk_odd_pair((uint32_t)stream[c]);
    ab = __sadd16(ab, ab);
    bc = __sadd16(bc, bc);
    if (lower) {
      sum = hwk_mla_pair(hwk_mla_high_low(sum, column[0], ab), column[1], bc);
    } else {
      sum = hwk_mla_low_high(hwk_mla_pair(sum, column[0], ab), column[1], bc);
    }
  }
  return sum;
}

HWK_INLINE void hwk_band_channel(const int32_t *columns, const int32_t *stream, int8_t *to,
                                 const hwk_band_outputs_t *outputs) {
  for (int32_t y = 0; y < outputs->rows; ++y, to += outputs->row) {
    for (int32_t x = 0; x < outputs->width; ++x) {
      int32_t sum = hwk_band_sum(columns + HWK_BAND_WORDS * x + y / 2, stream, y % 2);
      int32_t rounded = __smmlar(sum, stream[4], stream[5]);
      to[x * outputs->pixel] = (int8_t)__ssat((rounded + (sum >> 31)) >> stream[6], 8);
    }
  }
}

#endif

#endif
