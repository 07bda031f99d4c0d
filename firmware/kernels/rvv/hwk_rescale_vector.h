/* Rescaling of sums side by side, one a lane: neighbouring channels of one pixel. As many as a
 * vector of the core holds ("The RISC-V Vector Extension", 1.0: Zve32x has all of this). For rescales
 * whose shifts are 33 or more or that round twice (hwkit/targets/mcu/fits.py): no kernel here calls
 * anything with vectors alive, as their length in a frame would be unknown. */
#ifndef HWK_RESCALE_VECTOR_H
#define HWK_RESCALE_VECTOR_H

#include <riscv_vector.h>

#include <hwk_rescale.h>

/* `x` is computed before what follows: else more vectors are alive at once than have registers. */
#define HWK_IN_VECTOR(x) __asm__ volatile("" : "+vr"(x)::"memory")

/* Lanes of `count` >= 1 integers that are left: at least 1, all of a vector's in the end. */
HWK_INLINE size_t hwk_lanes_of(int32_t count) { return __riscv_vsetvl_e32m4((size_t)count); }

/* Lanes from bytes. */
HWK_INLINE vint32m4_t hwk_load_bytes(const int8_t *from, size_t lanes) {
  return __riscv_vsext_vf4_i32m4(__riscv_vle8_v_i8m1(from, lanes), lanes);
}

/* Whether channels differ: then lanes must not run from one pixel into the next. */
HWK_INLINE int hwk_per_channel(const hwk_rescale_t *r) {
  return r->multipliers != NULL || r->shifts != NULL || (r->offsets != NULL && r->offset_step != 0);
}

/* The shifts less `less`, none of which is below it. */
HWK_INLINE vuint32m4_t hwk_shifts_vector(const hwk_rescale_t *r, int32_t channel, int32_t less,
                                         size_t lanes) {
  if (r->shifts == NULL) {
    return __riscv_vmv_v_x_u32m4((uint32_t)(r->shift - less), lanes);
  }
  vuint8m1_t bytes = __riscv_vle8_v_u8m1(r->shifts + channel, lanes);
  return __riscv_vsub_vx_u32m4(__riscv_vzext_vf4_u32m4(bytes, lanes), (uint32_t)less, lanes);
}

/* Double rounding. VSMUL is the first rounding; it never saturates, as no multiplier is -2^31. VSSRA
 * rounds ties up, so negative numbers go down by 1 first and their ties away from zero. */
HWK_INLINE vint32m4_t hwk_scale_vector_double(const hwk_rescale_t *r, vint32m4_t x,
                                              vint32m4_t multiplier, int32_t channel,
                                              size_t lanes) {
  if (r->lowest_shift > 31) {
    vint32m4_t high = __riscv_vsmul_vv_i32m4(x, multiplier, __RISCV_VXRM_RNU, lanes);
    high = __riscv_vadd_vv_i32m4(high, __riscv_vsra_vx_i32m4(high, 31, lanes), lanes);
    return __riscv_vssra_vv_i32m4(high, hwk_shifts_vector(r, channel, 31, lanes), __RISCV_VXRM_RNU,
                                  lanes);
  }
  vuint32m4_t shift = hwk_shifts_vector(r, channel, 0, lanes);
  vuint32m4_t least = __riscv_vminu_vx_u32m4(shift, 31, lanes);
  x = __riscv_vsll_vv_i32m4(x, __riscv_vrsub_vx_u32m4(least, 31, lanes), lanes);
  vint32m4_t high = __riscv_vsmul_vv_i32m4(x, multiplier, __RISCV_VXRM_RNU, lanes);
  vuint32m4_t right = __riscv_vsub_vv_u32m4(shift, least, lanes);
  vbool8_t down = __riscv_vmsne_vx_u32m4_b8(right, 0, lanes);
  down = __riscv_vmslt_vx_i32m4_b8_mu(down, down, high, 0, lanes);
  high = __riscv_vsub_vx_i32m4_mu(down, high, high, 1, lanes);
  return __riscv_vssra_vv_i32m4(high, right, __RISCV_VXRM_RNU, lanes);
}

/* The other roundings, shifts above 32. The low word of the product can't change a sum of multiples
 * of 2^32, only decide a tie. */
HWK_INLINE vint32m4_t hwk_scale_vector(const hwk_rescale_t *r, vint32m4_t x, vint32m4_t multiplier,
                                       int32_t channel, size_t lanes) {
  if (r->rounding != HWK_ROUND_HALF_EVEN) {
    vint32m4_t high = __riscv_vmulh_vv_i32m4(x, multiplier, lanes);
    vuint32m4_t right = hwk_shifts_vector(r, channel, 32, lanes);
    return r->rounding == HWK_ROUND_FLOOR
               ? __riscv_vsra_vv_i32m4(high, right, lanes)
               : __riscv_vssra_vv_i32m4(high, right, __RISCV_VXRM_RNU, lanes);
  }
  /* A tie: below the result's last bit lies a one, then zeros. Its bits move to the top. */
  vint32m4_t low = __riscv_vmul_vv_i32m4(x, multiplier, lanes);
  vbool8_t tie = __riscv_vmseq_vx_i32m4_b8(low, 0, lanes);
  vint32m4_t high = __riscv_vmulh_vv_i32m4(x, multiplier, lanes);
  HWK_IN_VECTOR(high);
  vuint32m4_t left = __riscv_vrsub_vx_u32m4(hwk_shifts_vector(r, channel, 32, lanes), 32, lanes);
  vint32m4_t rest = __riscv_vsll_vv_i32m4(high, left, lanes);
  tie = __riscv_vmseq_vx_i32m4_b8_mu(tie, tie, rest, INT32_MIN, lanes);
  vuint32m4_t right = __riscv_vrsub_vx_u32m4(left, 32, lanes);
  vint32m4_t rounded = __riscv_vssra_vv_i32m4(high, right, __RISCV_VXRM_RNU, lanes);
  return __riscv_vand_vx_i32m4_mu(tie, rounded, rounded, ~1, lanes);
}

/* Down, shifts above 32, an offset added to the product: its low words may carry into the high ones,
 * which decide. */
HWK_INLINE vint32m4_t hwk_floor_vector(const hwk_rescale_t *r, vint32m4_t x, vint32m4_t multiplier,
                                       int32_t channel, size_t lanes) {
  const int32_t *words = (const int32_t *)(const void *)(r->offsets + channel * r->offset_step);
  ptrdiff_t step = 8 * r->offset_step;
  vint32m4_t low = __riscv_vmul_vv_i32m4(x, multiplier, lanes);
  vbool8_t carry =
      __riscv_vmadc_vv_i32m4_b8(low, __riscv_vlse32_v_i32m4(words, step, lanes), lanes);
  vint32m4_t high = __riscv_vmulh_vv_i32m4(x, multiplier, lanes);
  high = __riscv_vadc_vvm_i32m4(high, __riscv_vlse32_v_i32m4(words + 1, step, lanes), carry, lanes);
  return __riscv_vsra_vv_i32m4(high, hwk_shifts_vector(r, channel, 32, lanes), lanes);
}

/* Whether a rescale takes at most three vectors at once. */
HWK_INLINE int hwk_rescale_is_short(const hwk_rescale_t *r) {
  return r->rounding == HWK_ROUND_DOUBLE ? r->lowest_shift > 31
                                         : r->offsets == NULL && r->rounding != HWK_ROUND_HALF_EVEN;
}

/* Lane j rescaled for channel + j before the last limits; HWK_ROUND_NONE gives x. */
HWK_INLINE vint32m4_t hwk_scaled_vector(const hwk_rescale_t *r, vint32m4_t x, int32_t channel,
                                        size_t lanes) {
  if (r->rounding == HWK_ROUND_NONE) {
    return x;
  }
  x = r->left_shift == 0 ? x : __riscv_vsll_vx_i32m4(x, (size_t)r->left_shift, lanes);
  vint32m4_t multiplier = r->multipliers != NULL
                              ? __riscv_vle32_v_i32m4(r->multipliers + channel, lanes)
                              : __riscv_vmv_v_x_i32m4(r->multiplier, lanes);
  if (r->offsets != NULL) {
    x = hwk_floor_vector(r, x, multiplier, channel, lanes);
  } else if (r->rounding == HWK_ROUND_DOUBLE) {
    x = hwk_scale_vector_double(r, x, multiplier, channel, lanes);
  } else {
    x = hwk_scale_vector(r, x, multiplier, channel, lanes);
  }
  /* Beyond 32 bits the sum saturates, and the limits cut it off all the same. */
  return r->zero_point == 0 ? x : __riscv_vsadd_vx_i32m4(x, r->zero_point, lanes);
}

/* Lane j rescaled for channel + j; HWK_ROUND_NONE gives x. */
HWK_INLINE vint32m4_t hwk_rescale_vector(const hwk_rescale_t *r, vint32m4_t x, int32_t channel,
                                         size_t lanes) {
  x = hwk_scaled_vector(r, x, channel, lanes);
  if (r->rounding == HWK_ROUND_NONE) {
    return x;
  }
  x = __riscv_vmax_vx_i32m4(x, r->low, lanes);
  return __riscv_vmin_vx_i32m4(x, r->high, lanes);
}

/* Rescales the sums of channels from `channel` on and writes them as elements from `index` on. */
HWK_INLINE void hwk_store_vector(const hwk_rescale_t *r, void *output, int32_t index,
                                 vint32m4_t sum, int32_t channel, size_t lanes) {
  /* Loaded anew for each vector: what factors of several pixels share has no registers. */
  __asm__ volatile("" : "+r"(channel)::"memory");
  if (r->output_bytes == 1 && r->low == INT8_MIN && r->high == INT8_MAX) {
    /* Narrowing saturates at these. */
    vint32m4_t wide = hwk_scaled_vector(r, sum, channel, lanes);
    vint16m2_t half = __riscv_vnclip_wx_i16m2(wide, 0, __RISCV_VXRM_RNU, lanes);
    vint8m1_t bytes = __riscv_vnclip_wx_i8m1(half, 0, __RISCV_VXRM_RNU, lanes);
    __riscv_vse8_v_i8m1((int8_t *)output + index, bytes, lanes);
    return;
  }
  vint32m4_t scaled = hwk_rescale_vector(r, sum, channel, lanes);
  if (r->output_bytes == 4) {
    __riscv_vse32_v_i32m4((int32_t *)output + index, scaled, lanes);
    return;
  }
  vint16m2_t halves = __riscv_vncvt_x_x_w_i16m2(scaled, lanes);
  if (r->output_bytes == 2) {
    __riscv_vse16_v_i16m2((int16_t *)output + index, halves, lanes);
  } else {
    __riscv_vse8_v_i8m1((int8_t *)output + index, __riscv_vncvt_x_x_w_i8m1(halves, lanes), lanes);
  }
}

#endif
