/* B^T d B of hwk_winograd4.h: tiles of the input, plus 128, transformed.
 *
 * Two channels in a word are added and shifted as one integer, high * 65536 + low: it is a pair of
 * halves again once `low` is not negative. So 2^14 is added to `low` on the way, and taken away from
 * its half at the end. B^T has a 1 for each output in column 4 or in column 5: to add it to
 * the four inputs in the corner adds it once to each of the 36 outputs. */
#ifndef HWK_WINOGRAD4_INPUTS_H
#define HWK_WINOGRAD4_INPUTS_H

#include <hwk_winograd4.h>

#define HWK_WINOGRAD4_RAISE 0x4000

/* Four channels of a tile.
 *
 * at      the word of its first pixel; the others lie `pixel` and `row` bytes from each other
 * to      the first pair's word of the first position; the others lie `apart` words from each other
 * second  from there to the words of the second pair
 */
#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* B^T of one pair of the six words in r4 to r9, to r0 + `from` and every sixth word. */
#define HWK_WINOGRAD4_COLUMN(from, turned)                      \
  "uxtab16 r10, r3, r8" turned "\n"                             \
  "uxtb16 r11, r6" turned "\n"                                  \
  "sub lr, r10, r11\n"                                          \
  "sub r10, r10, r11, lsl #2\n"                                 \
  "uxtb16 r12, r4" turned "\n"                                  \
  "sub r12, r12, r11\n"                                         \
  "add r12, lr, r12, lsl #2\n"                                  \
  "str r12, [r0, #" from "]\n"                                  \
  "uxtb16 r11, r7" turned "\n"                                  \
  "uxtb16 r12, r5" turned "\n"                                  \
  "sub r2, r11, r12, lsl #2\n"                                  \
  "sub r12, r11, r12\n"                                         \
  "add r10, r10, r2\n"                                          \
  "sub r2, r10, r2, lsl #1\n"                                   \
  "str r10, [r0, #" from " + 24]\n"                             \
  "str r2, [r0, #" from " + 48]\n"                              \
  "add r10, lr, r12, lsl #1\n"                                  \
  "sub lr, lr, r12, lsl #1\n"                                   \
  "str r10, [r0, #" from " + 72]\n"                             \
  "str lr, [r0, #" from " + 96]\n"                              \
  "uxtab16 r2, r3, r9" turned "\n"                              \
  "sub r2, r2, r11\n"                                           \
  "sub r2, r2, r12, lsl #2\n"                                   \
  "str r2, [r0, #" from " + 120]\n"

/* Rows from r0 up to r12, to r2; r1 has the bytes from position to position, lr three times that. */
#define HWK_WINOGRAD4_ROWS(again)                               \
  again ":\n"                                                   \
  "ldmia.w r0!, {r4, r5, r6, r7, r8, r9}\n"                     \
  "sub r10, r8, r6\n"                                           \
  "sub r8, r8, r6, lsl #2\n"                                    \
  "sub r11, r7, r5\n"                                           \
  "sub r5, r7, r5, lsl #2\n"                                    \
  "sub r4, r4, r6\n"                                            \
  "add r4, r10, r4, lsl #2\n"                                   \
  "add r6, r8, r5\n"                                            \
  "sub r8, r8, r5\n"                                            \
  "sub r9, r9, r7\n"                                            \
  "sub r9, r9, r11, lsl #2\n"                                   \
  "add r7, r10, r11, lsl #1\n"                                  \
  "sub r10, r10, r11, lsl #1\n"                                 \
  "ssub16 r4, r4, r3\n"                                         \
  "ssub16 r6, r6, r3\n"                                         \
  "ssub16 r8, r8, r3\n"                                         \
  "ssub16 r7, r7, r3\n"                                         \
  "ssub16 r10, r10, r3\n"                                       \
  "ssub16 r9, r9, r3\n"                                         \
  "str r4, [r2]\n"                                              \
  "str r6, [r2, r1]\n"                                          \
  "str r8, [r2, r1, lsl #1]\n"                                  \
  "add r2, lr\n"                                                \
  "str r7, [r2]\n"                                              \
  "str r10, [r2, r1]\n"                                         \
  "str r9, [r2, r1, lsl #1]\n"                                  \
  "add r2, lr\n"                                                \
  "cmp r0, r12\n"                                               \
  "bne.n " again "b\n"

/* On the stack: both pairs with their columns transformed, 4 times the next column, pixel, the next
 * column's first pixel, to. Columns 4 and 5 are raised. */
__attribute__((naked)) HWK_NOINLINE void hwk_winograd4_four_channels(
    __attribute__((unused)) const int8_t *at, __attribute__((unused)) int32_t row,
    __attribute__((unused)) int32_t pixel, __attribute__((unused)) int32_t *to,
    __attribute__((unused)) int32_t apart, __attribute__((unused)) int32_t second) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "sub sp, #304\n"
      "movs r4, #0\n"
      "str r4, [sp, #288]\n"
      "str r2, [sp, #292]\n"
      "str r3, [sp, #300]\n"
      "1:\n"
      "add.w r2, r0, r1, lsl #1\n"
      "add r2, r1\n"
      "ldr r4, [r0]\n"
      "ldr r5, [r0, r1]\n"
      "ldr r6, [r0, r1, lsl #1]\n"
      "ldr r7, [r2]\n"
      "ldr r8, [r2, r1]\n"
      "ldr r9, [r2, r1, lsl #1]\n"
      "ldr r3, [sp, #292]\n"
      "ldr r2, [sp, #288]\n"
      "add r3, r0\n"
      "str r3, [sp, #296]\n"
      "and r3, r2, #16\n"
      "add.w r0, sp, r2\n"
      "lsls r3, r3, #10\n"
      "adds r2, #4\n"
      "str r2, [sp, #288]\n"
      "eor r4, r4, #0x80808080\n"
      "eor r5, r5, #0x80808080\n"
      "eor r6, r6, #0x80808080\n"
      "eor r7, r7, #0x80808080\n"
      "eor r8, r8, #0x80808080\n"
      "eor r9, r9, #0x80808080\n"
      HWK_WINOGRAD4_COLUMN("0", "")
      HWK_WINOGRAD4_COLUMN("144", ", ror #8")
      "ldr r2, [sp, #288]\n"
      "ldr r0, [sp, #296]\n"
      "cmp r2, #24\n"
      "bne.w 1b\n"
      "mov r0, sp\n"
      "ldr r2, [sp, #300]\n"
      "ldr r1, [sp, #340]\n"
      "lsls r1, r1, #2\n"
      "add.w lr, r1, r1, lsl #1\n"
      "mov.w r3, #0x4000\n"
      "add.w r12, sp, #144\n"
      HWK_WINOGRAD4_ROWS("2")
      "ldr r2, [sp, #300]\n"
      "ldr r4, [sp, #344]\n"
      "add.w r2, r2, r4, lsl #2\n"
      "add.w r12, sp, #288\n"
      HWK_WINOGRAD4_ROWS("3")
      "add sp, #304\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* B^T of six words. */
HWK_INLINE void hwk_winograd4_forward(const uint32_t d[6], uint32_t to[6]) {
  uint32_t a = d[4] - 4 * d[2], b = d[3] - 4 * d[1];
  uint32_t c = d[4] - d[2], e = d[3] - d[1];
  to[0] = c + 4 * (d[0] - d[2]);
  to[1] = a + b;
  to[2] = a - b;
  to[3] = c + 2 * e;
  to[4] = c - 2 * e;
  to[5] = d[5] - d[3] - 4 * e;
}

/* A column of a pair of channels, to `column` and every sixth word from there. */
HWK_INLINE void hwk_winograd4_column(const uint32_t d[6], uint32_t *column) {
  uint32_t to[6];
  hwk_winograd4_forward(d, to);
  for (int32_t r = 0; r < 6; ++r) {
    column[6 * r] = to[r];
  }
}

/* Rows of a tile whose columns are transformed: to positions `apart` words from each other. */
HWK_INLINE void hwk_winograd4_rows(const uint32_t *rows, int32_t *to, int32_t apart) {
  for (int32_t r = 0; r < 6; ++r, rows += 6) {
    uint32_t row[6];
    hwk_winograd4_forward(rows, row);
    for (int32_t c = 0; c < 6; c += 3, to += 3 * apart) {
      to[0] = __ssub16((int32_t)row[c], HWK_WINOGRAD4_RAISE);
      to[apart] = __ssub16((int32_t)row[c + 1], HWK_WINOGRAD4_RAISE);
      to[2 * apart] = __ssub16((int32_t)row[c + 2], HWK_WINOGRAD4_RAISE);
    }
  }
}

HWK_INLINE void hwk_winograd4_four_channels(const int8_t *at, int32_t row, int32_t pixel,
                                              int32_t *to, int32_t apart, int32_t second) {
  uint32_t even[HWK_WINOGRAD4_POSITIONS], odd[HWK_WINOGRAD4_POSITIONS];
  for (int32_t c = 0; c < 6; ++c, at += pixel) {
    uint32_t low[6], high[6];
    const int8_t *pixel_at = at;
    for (int32_t r = 0; r < 6; ++r, pixel_at += row) {
      uint32_t raise = r >= 4 && c >= 4 ? HWK_WINOGRAD4_RAISE : 0;
      uint32_t bytes = hwk_load4_aligned(pixel_at) ^ 0x80808080u;
      low[r] = (bytes & 0x00ff00ffu) + raise;
      high[r] = (bytes >> 8 & 0x00ff00ffu) + raise;
    }
    hwk_winograd4_column(low, even + c);
    hwk_winograd4_column(high, odd + c);
  }
  hwk_winograd4_rows(even, to, apart);
  hwk_winograd4_rows(odd, to + second, apart);
}

#endif

/* The words of four channels from `c` on of a tile at the border, the padding in its place. */
HWK_INLINE void hwk_winograd4_bordered(const hwk_window_t *w, const int8_t *input, int32_t top,
                                       int32_t left, int32_t c, uint32_t padding,
                                       uint32_t words[HWK_WINOGRAD4_POSITIONS]) {
  for (int32_t y = top; y < top + 6; ++y) {
    int32_t inside = y >= 0 && y < w->input_height ? w->input_width : 0;
    for (int32_t x = left; x < left + 6; ++x) {
      int32_t pixel = y * w->input_width + x;
      int there = x >= 0 && x < inside;
      *words++ = there ? hwk_load4_aligned(input + pixel * w->channels + c) : padding;
    }
  }
}

/* Transforms the inputs of the tile whose first output is at `at`: of each position of each pair of
 * channels a word, `together` words from the next pair's. */
HWK_INLINE void hwk_winograd4_inputs(const hwk_conv2d_t *d, const int8_t *input,
                                     hwk_winograd4_place_t at, int32_t *to, int32_t together) {
  const hwk_window_t *w = &d->window;
  uint32_t padding = (uint32_t)(uint8_t)d->input_zero_point * 0x01010101u;
  int32_t apart = w->channels / 2 * together;
  int32_t top = at.y - w->padding_top, left = at.x - w->padding_left;
  int inside = top >= 0 && left >= 0 && top + 6 <= w->input_height && left + 6 <= w->input_width;
  for (int32_t c = 0; c < w->channels; c += 4, to += 2 * together) {
    if (inside) {
      const int8_t *first = input + (top * w->input_width + left) * w->channels + c;
      hwk_winograd4_four_channels(first, w->input_width * w->channels, w->channels, to, apart,
                                  together);
    } else {
      uint32_t words[HWK_WINOGRAD4_POSITIONS];
      hwk_winograd4_bordered(w, input, top, left, c, padding, words);
      hwk_winograd4_four_channels((const int8_t *)words, 24, 4, to, apart, together);
    }
  }
}

#endif
