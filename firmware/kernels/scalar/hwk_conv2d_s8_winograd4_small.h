/* 2-D convolution 3x3, stride 1, by Winograd's F(4x4, 3x3) for cores without SIMD (hwk_winograd4.h), the
 * weights transformed when they are needed: flash holds them as int8. Four tiles at a time share what
 * that takes.
 *
 * Of the descriptor's tables only `weights` is there: of each output channel its weights in order, in
 * whole words, and its six words. */
#ifndef HWK_CONV2D_S8_WINOGRAD4_SMALL_H
#define HWK_CONV2D_S8_WINOGRAD4_SMALL_H

#include <hwk_tiles_winograd4.h>
#include <hwk_winograd4.h>

/* Three integers lie in registers, which RV32 has enough of: no arithmetic is moved across. */
#if defined(__riscv)
#define HWK_WINOGRAD4_KEEP(a, b, c) __asm__("" : "+r"(a), "+r"(b), "+r"(c))
#else
#define HWK_WINOGRAD4_KEEP(a, b, c) (void)0
#endif

/* Four transformed tiles, a channel's transformed weights, and its sums. */
HWK_INLINE size_t hwk_conv2d_s8_winograd4_small_scratch_bytes(const hwk_conv2d_t *d) {
  return (size_t)(2 * HWK_WINOGRAD4_POSITIONS * d->window.channels * (HWK_WINOGRAD4_SUMS + 1) +
                  4 * HWK_WINOGRAD4_POSITIONS * HWK_WINOGRAD4_SUMS);
}

/* G of three integers. `six` is 6, which the compiler must not know: a product is shorter than shifts. */
HWK_INLINE void hwk_winograd4_spread(int32_t a, int32_t b, int32_t c, int32_t six,
                                     int32_t to[HWK_WINOGRAD4_EDGE]) {
  int32_t ends = a + c, far = a + 4 * c;
  to[0] = six * a;
  to[1] = ends + b;
  to[2] = ends - b;
  to[3] = far + 2 * b;
  to[4] = far - 2 * b;
  to[5] = six * c;
  HWK_WINOGRAD4_KEEP(to[0], to[1], to[2]);
  HWK_WINOGRAD4_KEEP(to[3], to[4], to[5]);
}

/* G g G^T of all `channels` kernels of an output channel: of each position the kernels in turn. */
HWK_NOINLINE void hwk_winograd4_weights(const int8_t *weights, int32_t channels, int16_t *to) {
  int32_t six = 6;
  __asm__("" : "+r"(six));
#pragma GCC unroll 1
  for (const int8_t *end = weights + channels; weights != end; ++weights, ++to) {
    int32_t rows[3][HWK_WINOGRAD4_EDGE];
    const int8_t *at = weights;
    for (int32_t r = 0; r < 3; ++r) {
      int32_t a = *at, b = *(at += channels), c = *(at += channels);
      at += channels;
      hwk_winograd4_spread(a, b, c, six, rows[r]);
    }
    int16_t *column = to;
    for (int32_t k = 0; k < HWK_WINOGRAD4_EDGE; ++k) {
      int32_t made[HWK_WINOGRAD4_EDGE];
      hwk_winograd4_spread(rows[0][k], rows[1][k], rows[2][k], six, made);
      for (int32_t n = 0; n < HWK_WINOGRAD4_EDGE; ++n) {
        column[n * HWK_WINOGRAD4_EDGE * channels] = (int16_t)made[n];
      }
      column += channels;
    }
  }
}

/* Where a channel of a tile lies between those of the others. */
HWK_INLINE int32_t hwk_winograd4_side_by_side(int32_t c) { return c * HWK_WINOGRAD4_SUMS; }

/* A last group of fewer tiles is multiplied together with what the other tiles held, and those sums are
 * dropped. */
HWK_INLINE void hwk_conv2d_s8_winograd4_small(const hwk_conv2d_t *d, const int8_t *input,
                                              void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t integers = HWK_WINOGRAD4_POSITIONS * w->channels;
  int16_t *tiles = scratch, *weights = tiles + HWK_WINOGRAD4_SUMS * integers;
  int32_t *sums = (int32_t *)(weights + integers);
  hwk_winograd4_place_t place = {0, 0}, places[HWK_WINOGRAD4_SUMS];
  while (place.y < w->output_height) {
    int32_t count = 0;
    for (; count < HWK_WINOGRAD4_SUMS && place.y < w->output_height; ++count) {
      hwk_winograd4_inputs(d, input, place.y, place.x, tiles + count, hwk_winograd4_side_by_side,
                           w->channels * HWK_WINOGRAD4_SUMS);
      places[count] = place;
      place = hwk_winograd4_next(w, place);
    }
    const int32_t *stream = d->weights;
    for (int32_t channel = 0; channel < d->output_channels; ++channel) {
      const int32_t *factors = stream + 9 * w->channels / 4;
      hwk_winograd4_weights((const int8_t *)stream, w->channels, weights);
      hwk_winograd4_tiles(weights, tiles, sums, w->channels);
      for (int32_t n = 0; n < count; ++n) {
        hwk_winograd4_store(d, sums + n, factors, places[n].y, places[n].x, channel, output);
      }
      stream = factors + HWK_WINOGRAD4_FACTORS;
    }
  }
}

#endif
