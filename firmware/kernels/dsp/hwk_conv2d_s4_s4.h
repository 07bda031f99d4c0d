/* 2-D convolution of 4-bit integers with 4-bit weights: four products in one SMLAD.
 *
 * Of two taps a 16-bit half of a word holds x0 + 8 + 4096 * x1, the half of a weight's word
 * w1 + 4096 * w0: their product is
 *
 *   (x0 + 8) * w1 + 4096 * ((x0 + 8) * w0 + x1 * w1) + 2^24 * x1 * w0
 *
 * and bits 12..23 of a sum of such products, plus 2048, are the dot product and 8 * w0, which the bias
 * takes off, as long as both this and the sum of the first part fit 12 bits: the third part begins
 * where they end, and what leaves 32 bits is not missed. So every few taps the sum is taken out; how
 * many, the weights say. A half holds every x0 and x1, and weights but w0 = -8 with w1 < 0.
 *
 * weights (int32 words): steps of 8 taps from one taking out to the next, then for each pair of
 * channels, for each 8 taps w0 .. w7 a word of each channel: nibbles, the lowest first,
 * w1 + 8, w4, w7 + 8, w0, w3 + 8, w6, w5 + 8, w2. Two masks and a difference make of it the two words
 * that are multiplied (hwkit/targets/mcu/quads.py). */
#ifndef HWK_CONV2D_S4_S4_H
#define HWK_CONV2D_S4_S4_H

#include <hwk_columns.h>
#include <hwk_store.h>

#define HWK_Q4_PIXELS 3

HWK_INLINE int32_t hwk_q4_taps(const hwk_conv2d_t *d) {
  return d->window.kernel_height * d->window.kernel_width * d->window.channels;
}

/* Three columns of a byte a tap, the sums of two channels, and a patch for odd channels. */
HWK_INLINE size_t hwk_conv2d_s4_s4_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t patch = d->window.channels % 4 == 0 ? 0 : hwk_round_up(hwk_q4_taps(d), 4);
  return (size_t)(HWK_Q4_PIXELS * hwk_round_up(hwk_q4_taps(d), 8) + 8 * HWK_Q4_PIXELS + patch);
}

/* Four bytes of -8 .. 7 to a word. */
HWK_INLINE int32_t hwk_q4_word(uint32_t bytes) {
  return (int32_t)(((bytes ^ 0x00080008u) & 0x000f000fu) | (bytes << 4 & 0xf000f000u));
}

/* As hwk_widen and hwk_widen_value. */
HWK_NOINLINE int32_t *hwk_q4_widen(int32_t *column, const int8_t *bytes, int32_t count) {
  for (int32_t k = 0; k < count; k += 4, column += HWK_Q4_PIXELS) {
    *column = hwk_q4_word(hwk_load4_aligned(bytes + k));
  }
  return column;
}

HWK_NOINLINE int32_t *hwk_q4_widen_value(int32_t *column, int32_t value, int32_t count) {
  int32_t word = hwk_q4_word((uint32_t)(uint8_t)value * 0x01010101u);
#pragma GCC unroll 1
  for (int32_t k = 0; k < count; k += 4, column += HWK_Q4_PIXELS) {
    *column = word;
  }
  return column;
}

/* The first four weights of a word, and the other four of one that is turned by 8. */
HWK_INLINE int32_t hwk_q4_weights(uint32_t word) {
  return __ssub16((int32_t)(word & 0xf00ff00fu), 0x00080008);
}

HWK_INLINE void hwk_q4_take(int32_t *sum, int32_t products) {
  *sum += (int32_t)((uint32_t)products << 8) >> 20;
}

/* Products of two channels with three pixels, added to `sums`; the end of the weights. */
HWK_NOINLINE const uint32_t *hwk_q4_tile(const int32_t *column, const uint32_t *weights,
                                         int32_t steps, int32_t block, int32_t *sums) {
  const uint32_t *end = weights + 2 * steps;
  while (weights < end) {
    const uint32_t *stop = weights + 2 * block < end ? weights + 2 * block : end;
    int32_t a0 = 2048, a1 = 2048, a2 = 2048, b0 = 2048, b1 = 2048, b2 = 2048;
#pragma GCC unroll 1
    do {
      uint32_t a = weights[0], b = weights[1];
      int32_t a_half = hwk_q4_weights(a), b_half = hwk_q4_weights(b);
      a0 = __smlad(a_half, column[0], a0);
      b0 = __smlad(b_half, column[0], b0);
      a1 = __smlad(a_half, column[1], a1);
      b1 = __smlad(b_half, column[1], b1);
      a2 = __smlad(a_half, column[2], a2);
      b2 = __smlad(b_half, column[2], b2);
      a_half = hwk_q4_weights(__ror(a, 24));
      b_half = hwk_q4_weights(__ror(b, 24));
      a0 = __smlad(a_half, column[3], a0);
      b0 = __smlad(b_half, column[3], b0);
      a1 = __smlad(a_half, column[4], a1);
      b1 = __smlad(b_half, column[4], b1);
      a2 = __smlad(a_half, column[5], a2);
      b2 = __smlad(b_half, column[5], b2);
      weights += 2;
      column += 6;
    } while (weights < stop);
    hwk_q4_take(sums, a0);
    hwk_q4_take(sums + 1, a1);
    hwk_q4_take(sums + 2, a2);
    hwk_q4_take(sums + 3, b0);
    hwk_q4_take(sums + 4, b1);
    hwk_q4_take(sums + 5, b2);
  }
  return weights;
}

HWK_INLINE void hwk_conv2d_s4_s4(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t padded = hwk_round_up(hwk_q4_taps(d), 8);
  int32_t *columns = scratch, *sums = columns + HWK_Q4_PIXELS * padded / 4;
  int8_t *patch = (int8_t *)(sums + 2 * HWK_Q4_PIXELS);
  int32_t outputs = d->output_channels, pixels = w->output_height * w->output_width;
  int32_t y = 0, x = 0;
#pragma GCC unroll 1
  for (int32_t pixel = 0; pixel < pixels; pixel += HWK_Q4_PIXELS) {
    int32_t count = hwk_min(pixels - pixel, HWK_Q4_PIXELS);
#pragma GCC unroll 1
    for (int32_t n = 0; n < count; ++n) {
      hwk_gather_as(w, input, d->input_zero_point, y, x, columns + n, patch, hwk_q4_widen,
                    hwk_q4_widen_value);
      x = x + 1 == w->output_width ? 0 : x + 1;
      y += x == 0;
    }
    const uint32_t *weights = d->weights;
    int32_t block = (int32_t)*weights++;
#pragma GCC unroll 1
    for (int32_t o = 0; o < outputs; o += 2) {
      int32_t there = hwk_min(outputs - o, 2);
      for (int32_t n = 0; n < HWK_Q4_PIXELS; ++n) {
        sums[n] = d->bias[o];
        sums[HWK_Q4_PIXELS + n] = d->bias[o + there - 1];
      }
      weights = hwk_q4_tile(columns, weights, padded / 8, block, sums);
#pragma GCC unroll 1
      for (int32_t c = 0; c < there; ++c) {
        hwk_channel_t scale = hwk_channel(&d->rescale, o + c);
        const int32_t *sum = sums + c * HWK_Q4_PIXELS;
#pragma GCC unroll 1
        for (int32_t n = 0, at = pixel * outputs + o + c; n < count; ++n, at += outputs) {
          hwk_store_scaled(&d->rescale, &scale, output, at, sum[n]);
        }
      }
    }
  }
}

#endif
