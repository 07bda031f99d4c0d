/* B^T d B of hwk_winograd4.h: tiles of the input, plus 128, transformed.
 *
 * Two channels in a word are added and shifted as one integer, high * 65536 + low: it is a pair of
 * halves again once `low` is not negative. So 2^14 is added to `low` on the way, and taken away from
 * its half at the end. B^T has 1 for each output in the fourth or in the fifth column: to add it to
 * the four inputs in the corner adds it once to each of the 36 outputs. */
#ifndef HWK_WINOGRAD4_INPUTS_H
#define HWK_WINOGRAD4_INPUTS_H

#include <hwk_winograd4.h>

#define HWK_WINOGRAD4_RAISE 0x4000

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
    for (int32_t c = 0; c < 6; ++c, to += apart) {
      to[0] = __ssub16((int32_t)row[c], HWK_WINOGRAD4_RAISE);
    }
  }
}

/* Transforms four channels of a tile. The words of its pixels lie `pixel` bytes from each other, its
 * rows `row` bytes; the positions go to words `apart` from each other, the second pair of channels
 * `second` words behind the first. A function of its own: every register is needed. */
HWK_NOINLINE void hwk_winograd4_four_channels(const int8_t *at, int32_t row, int32_t pixel,
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
