/* Average pooling as TensorFlow Lite does it: the mean of what lies inside the map, half away from
 * zero. */
#ifndef HWK_AVG_POOL_S8_H
#define HWK_AVG_POOL_S8_H

#include <hwk_pool_sums.h>

HWK_NO_SCRATCH(avg_pool_s8, pool)

/* Sums divided by `area`: half of it with the sign of the sum is added, and VDIV rounds to zero. */
HWK_INLINE vint32m4_t hwk_pool_means(vint32m4_t sum, int32_t area, size_t lanes) {
  vbool8_t negative = __riscv_vmslt_vx_i32m4_b8(sum, 0, lanes);
  vint32m4_t moved = __riscv_vadd_vx_i32m4(sum, area / 2, lanes);
  moved = __riscv_vsub_vx_i32m4_mu(negative, moved, sum, area / 2, lanes);
  return __riscv_vdiv_vx_i32m4(moved, area, lanes);
}

HWK_INLINE void hwk_avg_pool_s8(const hwk_pool_t *d, const int8_t *input, int8_t *output,
                                void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, output += w->channels) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      for (int32_t c = 0; c < w->channels;) {
        size_t lanes = hwk_lanes_of(w->channels - c);
        vint32m4_t mean = hwk_pool_means(hwk_pool_sums(w, input, range, c, 0, lanes),
                                         hwk_pool_count(range), lanes);
        mean = __riscv_vmax_vx_i32m4(mean, d->low, lanes);
        mean = __riscv_vmin_vx_i32m4(mean, d->high, lanes);
        vint16m2_t halves = __riscv_vncvt_x_x_w_i16m2(mean, lanes);
        __riscv_vse8_v_i8m1(output + c, __riscv_vncvt_x_x_w_i8m1(halves, lanes), lanes);
        c += (int32_t)lanes;
      }
    }
  }
}

#endif
