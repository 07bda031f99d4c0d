/* Products with one SXTB16 for four taps: what convolution and dense layers have in common.
 *
 * Of two int8 weights b0, b1 the flash holds the 16-bit integer h = 256 * b1 + b0; a word has two of
 * them, of four taps. With x the integers under these taps,
 *
 *   h01 * x1 + h23 * x3 + b0 * (256 * x0 - x1 + 127) + b2 * (256 * x2 - x3 + 127)
 *
 * is 256 times the dot product plus 127 * (b0 + b2). The second half takes the low bytes of the
 * word, which one SXTB16 gives; the constant of all taps is in the bias. So a word of weights costs
 * one instruction besides its products, and no more flash than int8. 127 keeps the mixed integers
 * inside 16 bits; h is, for weights of -127 and above. Sums are modulo 2^32, so 256 times the final
 * sum must fit: |sum| < 2^23.
 *
 * A stream of weights holds for each group of channels, missing ones zeros:
 *
 *   a word a channel        256 * bias - 127 * (sum of the weights at even taps), modulo 2^32
 *   a word a channel        of four taps, for each quad of taps
 *   three words a channel   multiplier, offset, right: with `x` the sum, double rounding as in
 *                           hwk_rescale_high.h, right = shift - 31 in 1..22 and
 *                           offset = (2 * zero_point + 1) << (right - 1)
 */
#ifndef HWK_H8_H
#define HWK_H8_H

#include <hwk_pairs.h>

/* Odd pair and mixed pair of four integers, the first lowest: the latter `apart` words behind. */
HWK_INLINE void hwk_h8_write_word(int32_t *column, int32_t apart, uint32_t word) {
  int32_t odd = hwk_odd_pair(word);
  column[0] = odd;
  column[apart] = __sadd16(__ssub16((int32_t)((word << 8) & 0xff00ff00u), odd), 0x007f007f);
}

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* One sum rescaled in place; multiplier, offset and right in r2, r3, r12, 64 in lr; r0 is lost. */
#define HWK_H8_RESCALE(sum)                    \
  "add r0, r3, " sum ", asr #31\n"             \
  "smmla " sum ", " sum ", r2, lr\n"           \
  "add " sum ", r0, " sum ", asr #7\n"         \
  "asr.w " sum ", " sum ", r12\n"              \
  "ssat " sum ", #8, " sum "\n"

#else

/* A sum, which is 256 times the true one, by the three words of its channel. */
HWK_INLINE int8_t hwk_h8_rescaled(int32_t sum, const int32_t *factor) {
  int32_t rounded = __smmla(sum, factor[0], 64) >> 7;
  return (int8_t)__ssat((factor[1] + (sum >> 31) + rounded) >> factor[2], 8);
}

#endif

#endif
