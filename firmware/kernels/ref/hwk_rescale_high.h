/* Rescaling by the high word of a product, where the descriptor proves that it decides. For variants
 * whose core has that word in an instruction; before they include this they define
 *
 *   hwk_add_high(sum, x, y)          sum + bits 32..63 of x * y, modulo 2^32
 *   hwk_add_high_rounded(sum, x, y)  the same with the product rounded half up to a multiple of
 *                                    2^32 first
 *   hwk_saturate(x, low, high)       x in low .. high
 */
#ifndef HWK_RESCALE_HIGH_H
#define HWK_RESCALE_HIGH_H

#include <hwk_rescale_exact.h>

/* shift 33 .. 62. The low word can't change a sum of multiples of 2^32, only decide a tie. */
HWK_INLINE int32_t hwk_round_shift_high(int32_t x, int32_t multiplier, int32_t shift,
                                        hwk_rounding_t rounding) {
  int32_t high = hwk_add_high(0, x, multiplier);
  if (rounding == HWK_ROUND_FLOOR) {
    return high >> (shift - 32);
  }
  int32_t sum = high + (1 << (shift - 33));
  int32_t rounded = sum >> (shift - 32);
  if (rounding == HWK_ROUND_HALF_EVEN) {
    int32_t low = (int32_t)((uint32_t)x * (uint32_t)multiplier);
    int32_t rest = (int32_t)((uint32_t)sum << (64 - shift));
    return rounded - ((low | rest) == 0 ? rounded & 1 : 0);
  }
  return rounded;
}

/* shift 31 .. 62, |x| <= 2^30. `lowest_shift` is the least that `shift` can be. The second
 * rounding takes the sign of x for that of the product: they differ only where the product is
 * 0, and then the result is 0 with either. */
HWK_INLINE int32_t hwk_scale_double_high(int32_t x, int32_t multiplier, int32_t shift,
                                         int32_t lowest_shift) {
  int32_t right = shift - 31;
  int32_t high = hwk_add_high_rounded(0, 2 * x, multiplier);
  if (lowest_shift > 31 || right > 0) {
    return (high + (x >> 31) + (1 << (right - 1))) >> right;
  }
  return high;
}

/* Whether an offset is added to the product, and the high word of the sum decides: a shift of 33 or
 * more rounds it down. */
HWK_INLINE int hwk_has_high_offset(const hwk_rescale_t *r) {
  return r->offsets != NULL && r->rounding == HWK_ROUND_FLOOR && r->lowest_shift >= 33;
}

/* Whether one shift ends the rescale: addend = half + zero_point * 2^right, right = shift - 31
 * (double rounding) or shift - 32, is added before it. Adding zero_point after the shift gives the
 * same, for the shift rounds down. With right <= 22 and |zero_point| <= 128 the addend is at most
 * 2^29 + 2^21 and the product's high word at most 2^30: their sum fits 32 bits. */
HWK_INLINE int hwk_has_addend(const hwk_rescale_t *r) {
  if (r->offsets != NULL || r->zero_point < -128 || r->zero_point > 128) {
    return 0;
  }
  switch (r->rounding) {
    case HWK_ROUND_DOUBLE:
      return r->lowest_shift >= 32 && r->highest_shift <= 53 && r->input_bits < 32;
    case HWK_ROUND_HALF_UP:
    case HWK_ROUND_FLOOR:
      return r->lowest_shift >= 33 && r->highest_shift <= 54;
    default:
      return 0;
  }
}

/* What all sums of `channel` share; `shift` is the last one where there is an addend. */
HWK_INLINE hwk_channel_t hwk_channel(const hwk_rescale_t *r, int32_t channel) {
  hwk_channel_t scale = hwk_channel_entries(r, channel);
  if (hwk_has_addend(r)) {
    scale.shift -= r->rounding == HWK_ROUND_DOUBLE ? 31 : 32;
    int32_t half = r->rounding == HWK_ROUND_FLOOR ? 0 : 1;
    scale.addend = (2 * r->zero_point + half) * (1 << (scale.shift - 1));
  }
  return scale;
}

/* x rescaled for the channel of `scale`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale_channel(const hwk_rescale_t *r, const hwk_channel_t *scale,
                                       int32_t x) {
  int doubled = r->rounding == HWK_ROUND_DOUBLE;
  if (hwk_has_addend(r)) {
    x = hwk_wrapping_shift(x, r->left_shift);
    int32_t sum = doubled
                      ? hwk_add_high_rounded(scale->addend, 2 * x, scale->multiplier) + (x >> 31)
                      : hwk_add_high(scale->addend, x, scale->multiplier);
    return hwk_saturate(sum >> scale->shift, r->low, r->high);
  }
  int fits = r->zero_point > -(1 << 29) && r->zero_point < 1 << 29;
  int fast = doubled ? r->lowest_shift >= 31 && r->input_bits < 32
                     : r->rounding != HWK_ROUND_NONE && r->lowest_shift >= 33;
  if (!fast || !fits || (r->offsets != NULL && !hwk_has_high_offset(r))) {
    return hwk_rescale_exact(r, scale, x);
  }
  x = hwk_wrapping_shift(x, r->left_shift);
  if (hwk_has_high_offset(r)) {
    int32_t high = (int32_t)(((int64_t)x * scale->multiplier + scale->offset) >> 32);
    return hwk_saturate((high >> (scale->shift - 32)) + r->zero_point, r->low, r->high);
  }
  int32_t scaled = doubled
                       ? hwk_scale_double_high(x, scale->multiplier, scale->shift, r->lowest_shift)
                       : hwk_round_shift_high(x, scale->multiplier, scale->shift, r->rounding);
  return hwk_saturate(scaled + r->zero_point, r->low, r->high);
}

/* x rescaled for `channel`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale(const hwk_rescale_t *r, int32_t x, int32_t channel) {
  hwk_channel_t scale = hwk_channel(r, channel);
  return hwk_rescale_channel(r, &scale, x);
}

#endif
