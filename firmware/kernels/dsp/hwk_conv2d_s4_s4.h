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
 * A stream of weights (int32 words, hwkit/targets/mcu/quads.py): bytes of two channels' words from one
 * taking out to the next; then for each pair of channels, a missing one zeros,
 *
 *   a word a channel        its bias
 *   a word a channel        of four taps, for each quad of taps, an even number of them
 *   three words a channel   multiplier, offset, right, as in hwk_h8.h
 */
#ifndef HWK_CONV2D_S4_S4_H
#define HWK_CONV2D_S4_S4_H

#include <hwk_columns.h>
#include <hwk_h8.h>

#define HWK_Q4_PIXELS 3

HWK_INLINE int32_t hwk_q4_taps(const hwk_conv2d_t *d) {
  return d->window.kernel_height * d->window.kernel_width * d->window.channels;
}

/* Three columns of a byte a tap, and a patch for odd channels. */
HWK_INLINE size_t hwk_conv2d_s4_s4_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t patch = d->window.channels % 4 == 0 ? 0 : hwk_round_up(hwk_q4_taps(d), 4);
  return (size_t)(HWK_Q4_PIXELS * hwk_round_up(hwk_q4_taps(d), 8) + patch);
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

/* Where the next channel of each pixel goes, and bytes of a pair's words: of a block, and of all. */
typedef struct {
  int8_t *output[HWK_Q4_PIXELS];
  int32_t block_bytes;
  int32_t pair_bytes;
} hwk_q4_pixels_t;

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

#define HWK_Q4_STEP              \
  "ldrd r10, r11, [r1], #8\n"    \
  "ldmia.w r0!, {r3, r12, lr}\n" \
  "smlad r4, r10, r3, r4\n"      \
  "smlad r7, r11, r3, r7\n"      \
  "smlad r5, r10, r12, r5\n"     \
  "smlad r8, r11, r12, r8\n"     \
  "smlad r6, r10, lr, r6\n"      \
  "smlad r9, r11, lr, r9\n"

#define HWK_Q4_TAKE(products, sum) \
  "vmov r3, " sum                  \
  "\n"                             \
  "sbfx " products ", " products   \
  ", #12, #12\n"                   \
  "add r3, " products              \
  "\n"                             \
  "vmov " sum ", r3\n"

/* Three sums of a channel to their places: the last pixel's first. */
#define HWK_Q4_STORE(first, second, third)                                                        \
  "ldmia.w r1!, {r2, r3, r12}\n"                                                                  \
  "vmov r4, " first "\nvmov r5, " second "\nvmov r6, " third                                      \
  "\n"                                                                                            \
  "lsls r4, r4, #8\nlsls r5, r5, #8\nlsls r6, r6, #8\n" HWK_H8_RESCALE("r4") HWK_H8_RESCALE("r5") \
      HWK_H8_RESCALE("r6") "strb r6, [r9], #1\nstrb r5, [r8], #1\nstrb r4, [r7], #1\n"

/* Channels 0 .. count - 1 of three pixels. In S registers: columns (s0), pixels (s1), channels left
 * (s2), bytes of a block (s3), the end of a pair's words (s4), sums (s8-s13). */
__attribute__((naked)) HWK_NOINLINE void hwk_q4_channels(
    __attribute__((unused)) const int32_t *columns, __attribute__((unused)) const int32_t *weights,
    __attribute__((unused)) int32_t count, __attribute__((unused)) hwk_q4_pixels_t *pixels) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "vmov s0, r0\n"
      "vmov s1, r3\n"
      "vmov s2, r2\n"
      "ldrd r4, r5, [r3, #12]\n"
      "vmov s3, r4\n"
      "vmov s5, r5\n"
      "1:\n"
      "vmov r0, s0\n"
      "ldrd r10, r11, [r1], #8\n"
      "vmov s8, r10\nvmov s9, r10\nvmov s10, r10\n"
      "vmov s11, r11\nvmov s12, r11\nvmov s13, r11\n"
      "vmov r3, s5\n"
      "add r3, r1\n"
      "vmov s4, r3\n"
      "2:\n"
      "vmov r2, s3\n"
      "vmov r3, s4\n"
      "add r2, r1\n"
      "cmp r2, r3\n"
      "it hi\n"
      "movhi r2, r3\n"
      "mov.w r4, #2048\n"
      "mov r5, r4\nmov r6, r4\nmov r7, r4\nmov r8, r4\nmov r9, r4\n"
      "3:\n"
      HWK_Q4_STEP HWK_Q4_STEP
      "cmp r1, r2\n"
      "blo.n 3b\n"
      HWK_Q4_TAKE("r4", "s8") HWK_Q4_TAKE("r5", "s9") HWK_Q4_TAKE("r6", "s10")
      HWK_Q4_TAKE("r7", "s11") HWK_Q4_TAKE("r8", "s12") HWK_Q4_TAKE("r9", "s13")
      "vmov r3, s4\n"
      "cmp r1, r3\n"
      "blo.w 2b\n"
      "vmov r10, s1\n"
      "vmov r11, s2\n"
      "ldmia.w r10, {r7, r8, r9}\n"
      "mov.w lr, #64\n"
      HWK_Q4_STORE("s8", "s9", "s10")
      "subs r11, #1\n"
      "beq.w 4f\n"
      HWK_Q4_STORE("s11", "s12", "s13")
      "stmia.w r10, {r7, r8, r9}\n"
      "subs r11, #1\n"
      "vmov s2, r11\n"
      "bne.w 1b\n"
      "4:\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

HWK_INLINE void hwk_q4_channels(const int32_t *columns, const int32_t *weights, int32_t count,
                                hwk_q4_pixels_t *pixels) {
  int32_t words = pixels->pair_bytes / 8, block = pixels->block_bytes / 8;
  for (int32_t o = 0; o < count; o += 2, weights += 2 * words + 8) {
    for (int32_t c = 0; c < hwk_min(count - o, 2); ++c) {
      for (int32_t n = HWK_Q4_PIXELS - 1; n >= 0; --n) {
        int32_t sum = weights[c];
        for (int32_t k = 0; k < words; k += block) {
          int32_t products = 2048;
          for (int32_t i = k; i < hwk_min(k + block, words); ++i) {
            products = __smlad(weights[2 + 2 * i + c], columns[HWK_Q4_PIXELS * i + n], products);
          }
          sum += (int32_t)((uint32_t)products << 8) >> 20;
        }
        int32_t scaled = hwk_wrapping_shift(sum, 8);
        *pixels->output[n]++ = hwk_h8_rescaled(scaled, weights + 2 + 2 * words + 3 * c);
      }
    }
  }
}

#endif

/* One copy for all layers of a network, as in hwk_conv2d_s8_h8.h. */
HWK_NOINLINE void hwk_q4_conv2d(const hwk_conv2d_t *d, const int8_t *input, int8_t *output,
                                int32_t *columns) {
  const hwk_window_t *w = &d->window;
  const int32_t *weights = d->weights;
  int32_t padded = hwk_round_up(hwk_q4_taps(d), 8), outputs = d->output_channels;
  int8_t *patch = (int8_t *)(columns + HWK_Q4_PIXELS * padded / 4);
  hwk_q4_pixels_t three = {{output, output, output}, weights[0], 2 * padded};
  int32_t y = 0, x = 0;
#pragma GCC unroll 1
  for (int32_t left = w->output_height * w->output_width; left > 0; left -= HWK_Q4_PIXELS) {
    int32_t there = hwk_min(left, HWK_Q4_PIXELS);
#pragma GCC unroll 1
    for (int32_t n = 0; n < HWK_Q4_PIXELS; ++n) {
      /* An output that is not there has its neighbour's place, which is written later. */
      three.output[n] = output;
      if (n < there) {
        hwk_gather_as(w, input, d->input_zero_point, y, x, columns + n, patch, hwk_q4_widen,
                      hwk_q4_widen_value);
        x = x + 1 == w->output_width ? 0 : x + 1;
        y += x == 0;
      }
      output += n + 1 < there ? outputs : 0;
    }
    output += outputs;
    hwk_q4_channels(columns, weights + 1, outputs, &three);
  }
}

HWK_INLINE void hwk_conv2d_s4_s4(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch) {
  hwk_q4_conv2d(d, input, output, scratch);
}

#endif
