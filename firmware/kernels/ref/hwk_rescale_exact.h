/* Rescaling in 64-bit arithmetic, word for word as hwk_descriptors.h defines it. */
#ifndef HWK_RESCALE_EXACT_H
#define HWK_RESCALE_EXACT_H

#include <hwk_kernels.h>

/* A channel's factor and offset, and `addend` where a variant keeps what it adds before its last
 * shift. */
typedef struct {
  int32_t multiplier;
  int32_t shift;
  int64_t offset;
  int32_t addend;
} hwk_channel_t;

/* The channel's entries of the tables. */
HWK_INLINE hwk_channel_t hwk_channel_entries(const hwk_rescale_t *r, int32_t channel) {
  hwk_channel_t scale = {r->multipliers != NULL ? r->multipliers[channel] : r->multiplier,
                         r->shifts != NULL ? r->shifts[channel] : r->shift,
                         r->offsets != NULL ? r->offsets[channel * r->offset_step] : 0, 0};
  return scale;
}

/* shift 0 .. 62. */
HWK_INLINE int64_t hwk_round_shift(int64_t p, int32_t shift, hwk_rounding_t rounding) {
  int64_t half = ((int64_t)1 << shift) >> 1;
  switch (rounding) {
    case HWK_ROUND_HALF_UP:
      return (p + half) >> shift;
    case HWK_ROUND_HALF_EVEN:
      return shift == 0 ? p : (p + half - 1 + ((p >> shift) & 1)) >> shift;
    default:
      return p >> shift;
  }
}

/* TFLite's MultiplyByQuantizedMultiplier. */
HWK_INLINE int64_t hwk_scale_double(int32_t x, int32_t multiplier, int32_t shift) {
  int32_t right = hwk_max(shift - 31, 0);
  x = hwk_wrapping_shift(x, hwk_max(31 - shift, 0));
  int64_t high = ((int64_t)x * multiplier + ((int64_t)1 << 30)) >> 31;
  if (right == 0) {
    return high;
  }
  return (high - (high < 0) + ((int64_t)1 << (right - 1))) >> right;
}

/* x rescaled for a channel with factor `scale`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale_exact(const hwk_rescale_t *r, const hwk_channel_t *scale,
                                     int32_t x) {
  if (r->rounding == HWK_ROUND_NONE) {
    return x;
  }
  x = hwk_wrapping_shift(x, r->left_shift);
  int64_t scaled = r->rounding == HWK_ROUND_DOUBLE
                       ? hwk_scale_double(x, scale->multiplier, scale->shift)
                       : hwk_round_shift((int64_t)x * scale->multiplier + scale->offset,
                                         scale->shift, r->rounding);
  scaled += r->zero_point;
  return (int32_t)(scaled < r->low ? r->low : scaled > r->high ? r->high : scaled);
}

#endif
