/* The loops of Winograd's F(4x4, 3x3) for cores without SIMD (hwk_winograd4.h) with weights that are
 * transformed when they are needed: flash holds them as int8. Four tiles at a time share what that
 * takes.
 *
 * Of the descriptor's tables only `weights` is there: of each output channel its weights in order, in
 * whole words, and its six words. Before including this a variant defines HWK_WINOGRAD4_CHANNELS,
 * HWK_WINOGRAD4_PARTS and hwk_winograd4_tiles (hwk_tiles_winograd4.h). */
#ifndef HWK_CONV2D_WINOGRAD4_SMALL_H
#define HWK_CONV2D_WINOGRAD4_SMALL_H

#include <hwk_tiles_winograd4.h>
#include <hwk_winograd4.h>

/* Three integers lie in registers, which RV32 has enough of: no arithmetic is moved across. */
#if defined(__riscv)
#define HWK_WINOGRAD4_KEEP(a, b, c) __asm__("" : "+r"(a), "+r"(b), "+r"(c))
#else
#define HWK_WINOGRAD4_KEEP(a, b, c) (void)0
#endif

/* Four transformed tiles, some channels' transformed weights, and their sums. */
HWK_INLINE size_t hwk_conv2d_winograd4_small_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t weights = HWK_WINOGRAD4_CHANNELS * HWK_WINOGRAD4_POSITIONS / HWK_WINOGRAD4_PARTS;
  int32_t integers = HWK_WINOGRAD4_POSITIONS * HWK_WINOGRAD4_SUMS + weights;
  int32_t sums = HWK_WINOGRAD4_CHANNELS * HWK_WINOGRAD4_POSITIONS * HWK_WINOGRAD4_SUMS;
  return (size_t)(2 * d->window.channels * integers + 4 * sums);
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

/* G g G^T of all `channels` kernels of an output channel: of each position the kernels in turn; the
 * upper 18 positions, the lower ones, or all. */
HWK_INLINE void hwk_winograd4_spread_all(const int8_t *weights, int32_t channels, int16_t *to,
                                         int upper, int lower) {
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
    for (int32_t k = 0; k < HWK_WINOGRAD4_EDGE; ++k) {
      int32_t a = rows[0][k], b = rows[1][k], c = rows[2][k];
      int16_t *column = to + k * channels;
      int32_t next = HWK_WINOGRAD4_EDGE * channels;
      if (upper) {
        int32_t ends = a + c, first = six * a, second = ends + b, third = ends - b;
        HWK_WINOGRAD4_KEEP(first, second, third);
        column[0] = (int16_t)first;
        column[next] = (int16_t)second;
        column[2 * next] = (int16_t)third;
        column += 3 * next;
      }
      if (lower) {
        int32_t far = a + 4 * c, first = far + 2 * b, second = far - 2 * b, third = six * c;
        HWK_WINOGRAD4_KEEP(first, second, third);
        column[0] = (int16_t)first;
        column[next] = (int16_t)second;
        column[2 * next] = (int16_t)third;
      }
    }
  }
}

HWK_NOINLINE void hwk_winograd4_weights(const int8_t *weights, int32_t channels, int16_t *to) {
  hwk_winograd4_spread_all(weights, channels, to, 1, HWK_WINOGRAD4_PARTS == 1);
}

#if HWK_WINOGRAD4_PARTS == 2
HWK_NOINLINE void hwk_winograd4_lower_weights(const int8_t *weights, int32_t channels,
                                              int16_t *to) {
  hwk_winograd4_spread_all(weights, channels, to, 0, 1);
}
#else
#define hwk_winograd4_lower_weights hwk_winograd4_weights
#endif

/* Where a channel of a tile lies between those of the others. */
HWK_INLINE int32_t hwk_winograd4_side_by_side(int32_t c) { return c * HWK_WINOGRAD4_SUMS; }

/* The sums of HWK_WINOGRAD4_CHANNELS output channels, `words` apart from `stream` on; of the last one
 * alone twice the same. */
HWK_INLINE void hwk_winograd4_channels(const int32_t *stream, int32_t words, int32_t count,
                                       int32_t channels, const int16_t *tiles, int16_t *weights,
                                       int32_t *sums) {
  int32_t integers = HWK_WINOGRAD4_POSITIONS / HWK_WINOGRAD4_PARTS * channels;
  for (int32_t part = 0; part < HWK_WINOGRAD4_PARTS; ++part) {
    for (int32_t n = 0; n < HWK_WINOGRAD4_CHANNELS; ++n) {
      const int32_t *of = stream + (n < count ? n * words : 0);
      int16_t *to = weights + n * integers;
      if (part == 0) {
        hwk_winograd4_weights((const int8_t *)of, channels, to);
      } else {
        hwk_winograd4_lower_weights((const int8_t *)of, channels, to);
      }
    }
    hwk_winograd4_tiles(weights, tiles, sums, channels);
    tiles += HWK_WINOGRAD4_SUMS * integers;
    sums += HWK_WINOGRAD4_POSITIONS / HWK_WINOGRAD4_PARTS * HWK_WINOGRAD4_SUMS;
  }
}

/* A last group of fewer tiles is multiplied together with what the other tiles held, and those sums are
 * dropped. */
HWK_INLINE void hwk_conv2d_winograd4_small(const hwk_conv2d_t *d, const int8_t *input,
                                           int8_t *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t integers = HWK_WINOGRAD4_POSITIONS * w->channels;
  int16_t *tiles = scratch, *weights = tiles + HWK_WINOGRAD4_SUMS * integers;
  int32_t *sums = (int32_t *)(weights + HWK_WINOGRAD4_CHANNELS * integers / HWK_WINOGRAD4_PARTS);
  int32_t factors = 9 * w->channels / 4, words = factors + HWK_WINOGRAD4_FACTORS;
  hwk_winograd4_place_t place = {0, 0}, places[HWK_WINOGRAD4_SUMS];
  while (place.y < w->output_height) {
    int32_t there = 0;
    for (; there < HWK_WINOGRAD4_SUMS && place.y < w->output_height; ++there) {
      hwk_winograd4_inputs(d, input, place.y, place.x, tiles + there, hwk_winograd4_side_by_side,
                           w->channels * HWK_WINOGRAD4_SUMS);
      places[there] = place;
      place = hwk_winograd4_next(w, place);
    }
    const int32_t *stream = d->weights;
    for (int32_t channel = 0; channel < d->output_channels;) {
      int32_t count = hwk_min(d->output_channels - channel, HWK_WINOGRAD4_CHANNELS);
      hwk_winograd4_channels(stream, words, count, w->channels, tiles, weights, sums);
      for (int32_t n = 0; n < count; ++n, ++channel, stream += words) {
        const int32_t *of = sums + n * HWK_WINOGRAD4_POSITIONS * HWK_WINOGRAD4_SUMS;
        for (int32_t t = 0; t < there; ++t) {
          hwk_winograd4_store(d, of + t, stream + factors, places[t].y, places[t].x, channel,
                              output);
        }
      }
    }
  }
}

#endif
