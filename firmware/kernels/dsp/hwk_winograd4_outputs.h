/* A^T m A of hwk_winograd4.h, the rescale and the store: from sums of products to outputs. */
#ifndef HWK_WINOGRAD4_OUTPUTS_H
#define HWK_WINOGRAD4_OUTPUTS_H

#include <hwk_winograd4.h>

#define HWK_WINOGRAD4_NINTH 0x38E38E39u /* times 9 it is 1 modulo 2^32 */

/* The outputs of one tile and channel, `row` and `pixel` bytes from each other. `sums` has its
 * positions, the products of a position from each other. */
#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* A^T of the six sums in r4 to r9, in r4, r8, r7 and r9. */
#define HWK_WINOGRAD4_BACK                    \
  "add r5, r5, r6\n"                          \
  "sub r6, r5, r6, lsl #1\n"                  \
  "add r7, r7, r8\n"                          \
  "sub r8, r7, r8, lsl #1\n"                  \
  "add r4, r4, r7\n"                          \
  "sub r4, r4, r5, lsl #2\n"                  \
  "sub r7, r7, r5\n"                          \
  "sub r9, r9, r6\n"                          \
  "add r9, r9, r8, lsl #1\n"                  \
  "sub r8, r8, r6, lsl #1\n"

/* An int8 output in r5: r10 makes y 64 times the sum; 64 * bias, multiplier, offset and right in
 * r1, r3, r12 and lr. */
#define HWK_WINOGRAD4_RESCALE(y)              \
  "mla " y ", " y ", r10, r1\n"               \
  "asr " y ", " y ", #5\n"                    \
  "smmlar r5, " y ", r3, r12\n"               \
  "add r5, r5, " y ", asr #31\n"              \
  "asr.w r5, r5, lr\n"                        \
  "ssat r5, #8, r5\n"

/* A row of outputs at r2, `pixel` in r11. */
#define HWK_WINOGRAD4_ROW                     \
  "ldmia.w r0!, {r4, r5, r6, r7, r8, r9}\n"   \
  HWK_WINOGRAD4_BACK                          \
  HWK_WINOGRAD4_RESCALE("r4")                 \
  "strb r5, [r2]\n"                           \
  "lsl r8, r8, #1\n"                          \
  HWK_WINOGRAD4_RESCALE("r8")                 \
  "strb.w r5, [r2, r11]\n"                    \
  "lsls r7, r7, #2\n"                         \
  HWK_WINOGRAD4_RESCALE("r7")                 \
  "strb.w r5, [r2, r11, lsl #1]\n"            \
  "lsl r9, r9, #2\n"                          \
  "add.w r6, r2, r11, lsl #1\n"               \
  HWK_WINOGRAD4_RESCALE("r9")                 \
  "strb.w r5, [r6, r11]\n"

/* On to the next one. */
#define HWK_WINOGRAD4_BELOW                   \
  "ldr r6, [sp, #96]\n"                       \
  "add r2, r6\n"

/* On the stack: four rows of sums whose columns are transformed, row. */
__attribute__((naked)) HWK_NOINLINE void hwk_winograd4_tile(
    __attribute__((unused)) const int32_t *sums, __attribute__((unused)) const int32_t *factors,
    __attribute__((unused)) int8_t *to, __attribute__((unused)) int32_t row,
    __attribute__((unused)) int32_t pixel) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "sub sp, #100\n"
      "str r3, [sp, #96]\n"
      "mov r12, sp\n"
      "add lr, sp, #24\n"
      "1:\n"
      "ldr r5, [r0, #192]\n"
      "ldr r6, [r0, #384]\n"
      "ldr r7, [r0, #576]\n"
      "ldr r8, [r0, #768]\n"
      "ldr r9, [r0, #960]\n"
      "ldr r4, [r0], #32\n"
      HWK_WINOGRAD4_BACK
      "str r8, [r12, #24]\n"
      "str r7, [r12, #48]\n"
      "str r9, [r12, #72]\n"
      "str r4, [r12], #4\n"
      "cmp r12, lr\n"
      "bne.n 1b\n"
      "mov r0, sp\n"
      "ldr r11, [sp, #136]\n"
      "ldmia.w r1, {r1, r3, r12, lr}\n"
      "movw r10, #0x8E39\n"
      "movt r10, #0x38E3\n"
      HWK_WINOGRAD4_ROW
      HWK_WINOGRAD4_BELOW
      "lsl r10, r10, #1\n"
      HWK_WINOGRAD4_ROW
      HWK_WINOGRAD4_BELOW
      "lsl r10, r10, #1\n"
      HWK_WINOGRAD4_ROW
      HWK_WINOGRAD4_BELOW
      HWK_WINOGRAD4_ROW
      "add sp, #100\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* A^T of six sums. */
HWK_INLINE void hwk_winograd4_back(const uint32_t m[6], uint32_t to[4]) {
  uint32_t p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
  to[0] = m[0] + r - 4 * p;
  to[1] = s - 2 * q;
  to[2] = r - p;
  to[3] = m[5] - q + 2 * s;
}

/* What a channel's outputs share; `bias` is 64 times that. */
typedef struct {
  uint32_t bias;
  int32_t multiplier;
  int32_t offset;
  int32_t right;
} hwk_winograd4_channel_t;

/* The int8 output of `y`, a sum that `missing` makes 64 times the true one. */
HWK_INLINE int8_t hwk_winograd4_rescaled(uint32_t y, uint32_t missing,
                                         const hwk_winograd4_channel_t *c) {
  int32_t twice = (int32_t)(y * missing + c->bias) >> 5;
  int32_t rounded = __smmlar(twice, c->multiplier, c->offset);
  return (int8_t)__ssat((rounded + (twice >> 31)) >> c->right, 8);
}

HWK_INLINE void hwk_winograd4_tile(const int32_t *sums, const int32_t *factors, int8_t *to,
                                     int32_t row, int32_t pixel) {
  uint32_t rows[4 * 6];
  for (int32_t c = 0; c < 6; ++c, sums += HWK_WINOGRAD_PRODUCTS) {
    uint32_t m[6], y[4];
    for (int32_t r = 0; r < 6; ++r) {
      m[r] = (uint32_t)sums[6 * r * HWK_WINOGRAD_PRODUCTS];
    }
    hwk_winograd4_back(m, y);
    for (int32_t r = 0; r < 4; ++r) {
      rows[6 * r + c] = y[r];
    }
  }
  hwk_winograd4_channel_t channel = {(uint32_t)factors[0], factors[1], factors[2], factors[3]};
  uint32_t missing = HWK_WINOGRAD4_NINTH;
  for (int32_t r = 0; r < 4; ++r, to += row) {
    uint32_t y[4];
    hwk_winograd4_back(rows + 6 * r, y);
    to[0] = hwk_winograd4_rescaled(y[0], missing, &channel);
    to[pixel] = hwk_winograd4_rescaled(y[1], missing << 1, &channel);
    to[2 * pixel] = hwk_winograd4_rescaled(y[2], missing << 2, &channel);
    to[3 * pixel] = hwk_winograd4_rescaled(y[3], missing << 2, &channel);
    missing <<= r < 2;
  }
}

#endif

/* The outputs of the tile at `at`, `count` channels of it from `channel` on; the sums of the next
 * channel are `apart` words from those of the one before. Outputs outside of the map are dropped. */
HWK_INLINE void hwk_winograd4_store(const hwk_conv2d_t *d, const int32_t *sums, int32_t apart,
                                    const int32_t *factors, hwk_winograd4_place_t at,
                                    int32_t channel, int32_t count, int8_t *output) {
  int32_t pixel = d->output_channels, row = d->window.output_width * pixel;
  int32_t height = hwk_min(d->window.output_height - at.y, HWK_WINOGRAD4_SIDE);
  int32_t width = hwk_min(d->window.output_width - at.x, HWK_WINOGRAD4_SIDE);
  output += at.y * row + at.x * pixel + channel;
  for (; count > 0; --count, sums += apart, factors += HWK_WINOGRAD4_FACTORS, ++output) {
    if (height == HWK_WINOGRAD4_SIDE && width == HWK_WINOGRAD4_SIDE) {
      hwk_winograd4_tile(sums, factors, output, row, pixel);
      continue;
    }
    int8_t tile[HWK_WINOGRAD4_SIDE * HWK_WINOGRAD4_SIDE];
    hwk_winograd4_tile(sums, factors, tile, HWK_WINOGRAD4_SIDE, 1);
    for (int32_t y = 0; y < height; ++y) {
      for (int32_t x = 0; x < width; ++x) {
        output[y * row + x * pixel] = tile[y * HWK_WINOGRAD4_SIDE + x];
      }
    }
  }
}

#endif
