/* Rescaling of four sums at once, one a lane: neighbouring channels of one pixel. */
#ifndef HWK_RESCALE_QUAD_H
#define HWK_RESCALE_QUAD_H

#include <arm_mve.h>

#include <hwk_rescale.h>

#define HWK_QUAD 4

/* Lanes 0 .. count - 1 from memory, the others 0. A constant count of 4 costs no predicate. */
HWK_INLINE int32x4_t hwk_load_quad(const int32_t *from, int32_t count) {
  return count >= HWK_QUAD ? vldrwq_s32(from) : vldrwq_z_s32(from, vctp32q((uint32_t)count));
}

/* The same, each lane widened from a byte. */
HWK_INLINE int32x4_t hwk_load_quad_s8(const int8_t *from, int32_t count) {
  return count >= HWK_QUAD ? vldrbq_s32(from) : vldrbq_z_s32(from, vctp32q((uint32_t)count));
}

HWK_INLINE int32x4_t hwk_load_quad_u8(const uint8_t *from, int32_t count) {
  return vreinterpretq_s32_u32(count >= HWK_QUAD ? vldrbq_u32(from)
                                                 : vldrbq_z_u32(from, vctp32q((uint32_t)count)));
}

/* Whether channels differ: then a quad must not run from one pixel into the next. */
HWK_INLINE int hwk_per_channel(const hwk_rescale_t *r) {
  return r->multipliers != NULL || r->shifts != NULL || (r->offsets != NULL && r->offset_step != 0);
}

/* The other roundings want shifts above 32: the bits by which x moves up to get there, with the
 * same quotient. */
HWK_INLINE int32_t hwk_quad_lift(const hwk_rescale_t *r) {
  return r->rounding == HWK_ROUND_DOUBLE ? 0 : hwk_max(33 - r->lowest_shift, 0);
}

/* Whether the vector forms below give what hwk_descriptors.h defines. */
HWK_INLINE int hwk_rescale_has_quads(const hwk_rescale_t *r) {
  if (r->offsets != NULL) {
    return r->rounding == HWK_ROUND_FLOOR && r->lowest_shift >= 33;
  }
  return r->rounding == HWK_ROUND_DOUBLE || r->input_bits + hwk_quad_lift(r) <= 32;
}

/* Double rounding. VQRDMULH is the first rounding; it never saturates, as no multiplier is
 * -2^31. VRSHL rounds ties up, so negative numbers go down by 1 first and their ties away from
 * zero. `lowest_shift` is the least lane of `shift`. */
HWK_INLINE int32x4_t hwk_scale_quad_double(int32x4_t x, int32x4_t multiplier, int32x4_t shift,
                                           int32_t lowest_shift) {
  int32x4_t left = vsubq_s32(vdupq_n_s32(31), shift); /* below 0: to the right */
  int32x4_t right = left;
  if (lowest_shift < 31) {
    x = vshlq_s32(x, vmaxq_s32(left, vdupq_n_s32(0)));
    right = vminq_s32(left, vdupq_n_s32(0));
  }
  int32x4_t high = vqrdmulhq_s32(x, multiplier);
  int32x4_t negative = lowest_shift > 31 ? high : vandq_s32(high, right);
  return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(negative, 31)), right);
}

/* The other roundings, shifts above 32. The low word of the product can't change a sum of
 * multiples of 2^32, only decide a tie. */
HWK_INLINE int32x4_t hwk_scale_quad(int32x4_t x, int32x4_t multiplier, int32x4_t shift,
                                    hwk_rounding_t rounding) {
  int32x4_t high = vmulhq_s32(x, multiplier);
  int32x4_t right = vsubq_s32(vdupq_n_s32(32), shift);
  if (rounding == HWK_ROUND_FLOOR) {
    return vshlq_s32(high, right);
  }
  int32x4_t rounded = vrshlq_s32(high, right);
  if (rounding == HWK_ROUND_HALF_EVEN) {
    /* A tie: below the result's last bit lies a one, then zeros. Its bits move to the top. */
    int32x4_t rest = vshlq_s32(high, vaddq_n_s32(right, 32));
    mve_pred16_t tie = vcmpeqq_n_s32(vmulq_s32(x, multiplier), 0);
    tie = vcmpeqq_m_n_s32(rest, INT32_MIN, tie);
    rounded = vbicq_m_s32(rounded, rounded, vdupq_n_s32(1), tie);
  }
  return rounded;
}

/* Word `half` (0 low, 1 high) of the offsets of channels channel .. channel + count - 1. */
HWK_INLINE int32x4_t hwk_load_offsets(const hwk_rescale_t *r, int32_t channel, int32_t count,
                                      int32_t half) {
  const int32_t *from =
      (const int32_t *)(const void *)(r->offsets + channel * r->offset_step) + half;
  uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 8), (uint32_t)r->offset_step);
  return count >= HWK_QUAD ? vldrwq_gather_offset_s32(from, places)
                           : vldrwq_gather_offset_z_s32(from, places, vctp32q((uint32_t)count));
}

/* Down, shifts above 32, an offset added to the product: its low words may carry into the high ones,
 * which decide. */
HWK_INLINE int32x4_t hwk_floor_quad(const hwk_rescale_t *r, int32x4_t x, int32x4_t multiplier,
                                    int32x4_t shift, int32_t channel, int32_t count) {
  int32x4_t low = hwk_load_offsets(r, channel, count, 0);
  int32x4_t high = vaddq_s32(vmulhq_s32(x, multiplier), hwk_load_offsets(r, channel, count, 1));
  uint32x4_t sum = vreinterpretq_u32_s32(vaddq_s32(vmulq_s32(x, multiplier), low));
  mve_pred16_t carry = vcmphiq_u32(vreinterpretq_u32_s32(low), sum);
  high = vaddq_m_n_s32(high, high, 1, carry);
  return vshlq_s32(high, vsubq_s32(vdupq_n_s32(32), shift));
}

/* Lane by lane in 64 bits. */
HWK_NOINLINE int32x4_t hwk_rescale_lanes(const hwk_rescale_t *r, int32x4_t x, int32_t channel,
                                         int32_t count) {
  int32_t lanes[HWK_QUAD];
  vstrwq_s32(lanes, x);
  for (int32_t j = 0; j < count; ++j) {
    lanes[j] = hwk_rescale(r, lanes[j], channel + j);
  }
  return vldrwq_s32(lanes);
}

/* Lane j rescaled for channel + j, j < count <= 4; HWK_ROUND_NONE gives x. */
HWK_INLINE int32x4_t hwk_rescale_quad(const hwk_rescale_t *r, int32x4_t x, int32_t channel,
                                      int32_t count) {
  if (r->rounding == HWK_ROUND_NONE) {
    return x;
  }
  if (!hwk_rescale_has_quads(r)) {
    return hwk_rescale_lanes(r, x, channel, count);
  }
  int32x4_t multiplier = r->multipliers != NULL ? hwk_load_quad(r->multipliers + channel, count)
                                                : vdupq_n_s32(r->multiplier);
  int32x4_t shift =
      r->shifts != NULL ? hwk_load_quad_u8(r->shifts + channel, count) : vdupq_n_s32(r->shift);
  int32_t lift = r->offsets != NULL ? 0 : hwk_quad_lift(r);
  x = r->left_shift + lift == 0 ? x : vshlq_r_s32(x, r->left_shift + lift);
  if (r->offsets != NULL) {
    x = hwk_floor_quad(r, x, multiplier, shift, channel, count);
  } else if (r->rounding == HWK_ROUND_DOUBLE) {
    x = hwk_scale_quad_double(x, multiplier, shift, r->lowest_shift);
  } else {
    shift = lift == 0 ? shift : vaddq_n_s32(shift, lift);
    x = hwk_scale_quad(x, multiplier, shift, r->rounding);
  }
  /* Beyond 32 bits the sum saturates, and the limits cut it off all the same. */
  x = r->zero_point == 0 ? x : vqaddq_n_s32(x, r->zero_point);
  return vminq_s32(vmaxq_s32(x, vdupq_n_s32(r->low)), vdupq_n_s32(r->high));
}

/* Rescales the sums of channels channel .. channel + count - 1 and writes them as elements from
 * `index` on of the output; count <= 4. */
HWK_INLINE void hwk_store_quad(const hwk_rescale_t *r, void *output, int32_t index, int32x4_t sum,
                               int32_t channel, int32_t count) {
  if (r->rounding == HWK_ROUND_NONE) {
    int32_t *to = (int32_t *)output + index;
    if (count >= HWK_QUAD) {
      vstrwq_s32(to, sum);
    } else {
      vstrwq_p_s32(to, sum, vctp32q((uint32_t)count));
    }
    return;
  }
  int8_t *to = (int8_t *)output + index;
  int32x4_t scaled = hwk_rescale_quad(r, sum, channel, count);
  if (count >= HWK_QUAD) {
    vstrbq_s32(to, scaled);
  } else {
    vstrbq_p_s32(to, scaled, vctp32q((uint32_t)count));
  }
}

#endif
