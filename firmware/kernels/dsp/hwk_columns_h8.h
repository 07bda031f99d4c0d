/* Gathers the integers under a window for hwk_tile_2x4_h8.h: of each four taps the odd pairs of four
 * pixels, then their mixed pairs. */
#ifndef HWK_COLUMNS_H8_H
#define HWK_COLUMNS_H8_H

#include <hwk_columns.h>
#include <hwk_tile_2x4_h8.h>

/* Words from four taps of a pixel to its next four. */
#define HWK_H8_STRIDE (2 * HWK_H8_PIXELS)

/* As hwk_widen: a copy for all. */
#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* A word to the pairs `at` bytes from r0; r8 is lost. */
#define HWK_H8_WIDEN(word, at)                 \
  "sxtb16 r8, " word ", ror #8\n"              \
  "and " word ", r3, " word ", lsl #8\n"       \
  "str r8, [r0, #" at "]\n"                    \
  "ssub16 " word ", " word ", r8\n"            \
  "sadd16 " word ", " word ", r12\n"           \
  "str " word ", [r0, #" at " + 16]\n"

/* Words by themselves until the rest is a multiple of four. */
__attribute__((naked)) HWK_NOINLINE int32_t *hwk_h8_widen(
    __attribute__((unused)) int32_t *column, __attribute__((unused)) const int8_t *bytes,
    __attribute__((unused)) int32_t count) {
  __asm__(
      ".syntax unified\n"
      "push.w {r4, r5, r6, r7, r8, lr}\n"
      "adds r2, #3\n"
      "mov r3, #0xff00ff00\n"
      "mov r12, #0x007f007f\n"
      "ubfx lr, r2, #2, #2\n"
      "lsrs r2, r2, #4\n"
      "cmp lr, #0\n"
      "beq.n 5f\n"
      "1:\n"
      "ldr r4, [r1], #4\n"
      HWK_H8_WIDEN("r4", "0")
      "adds r0, #32\n"
      "subs lr, #1\n"
      "bne.n 1b\n"
      "5:\n"
      "cmp r2, #0\n"
      "beq.n 4f\n"
      "3:\n"
      "ldmia.w r1!, {r4, r5, r6, r7}\n"
      HWK_H8_WIDEN("r4", "0") HWK_H8_WIDEN("r5", "32")
      HWK_H8_WIDEN("r6", "64") HWK_H8_WIDEN("r7", "96")
      "adds r0, #128\n"
      "subs r2, #1\n"
      "bne.n 3b\n"
      "4:\n"
      "pop.w {r4, r5, r6, r7, r8, pc}\n");
}

#else

HWK_INLINE int32_t *hwk_h8_widen(int32_t *column, const int8_t *bytes, int32_t count) {
  for (int32_t k = 0; k < count; k += 4, column += HWK_H8_STRIDE) {
    hwk_h8_write_word(column, HWK_H8_PIXELS, hwk_load4_aligned(bytes + k));
  }
  return column;
}

#endif

/* As hwk_widen_value. */
HWK_NOINLINE int32_t *hwk_h8_widen_value(int32_t *column, int32_t value, int32_t count) {
  uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;
#pragma GCC unroll 1
  for (int32_t k = 0; k < count; k += 4, column += HWK_H8_STRIDE) {
    hwk_h8_write_word(column, HWK_H8_PIXELS, word);
  }
  return column;
}

/* Four pixels side by side, all channels. */
HWK_INLINE void hwk_h8_widen_pixels(int32_t *columns, const int8_t *bytes, int32_t channels) {
  for (const int8_t *end = bytes + channels; bytes < end; bytes += 4, columns += HWK_H8_STRIDE) {
    const int8_t *pixel = bytes;
    for (int32_t n = 0; n < HWK_H8_PIXELS; ++n, pixel += channels) {
      hwk_h8_write_word(columns + n, HWK_H8_PIXELS, hwk_load4(pixel));
    }
  }
}

/* Any output, at the border too. */
HWK_NOINLINE void hwk_h8_gather_any(const hwk_conv2d_t *d, const int8_t *input, int32_t y,
                                    int32_t x, int32_t *column, int8_t *patch) {
  hwk_gather_as(&d->window, input, d->input_zero_point, y, x, column, patch, hwk_h8_widen,
                hwk_h8_widen_value);
}

/* Copies `rows` runs of so many words, `from_step` and `to_step` bytes from each other, in order: of
 * each run the next one may overwrite the end. */
HWK_INLINE void hwk_h8_copy_rows(int8_t *to, const int8_t *from, int32_t rows, int32_t to_step,
                                 int32_t from_step, int32_t words) {
#pragma GCC unroll 1
  for (int32_t r = 0; r < rows; ++r, to += to_step, from += from_step) {
    for (int32_t k = 0; k < 4 * words; k += 4) {
      hwk_copy(to + k, from + k, 4);
    }
  }
}

/* The taps of one output, all in the map, the first one at `at`: whole words of each row. */
HWK_INLINE void hwk_h8_gather_rows(const int8_t *at, int32_t rows, int32_t row_bytes,
                                   int32_t map_step, int32_t *column, int8_t *patch) {
  switch ((row_bytes + 3) / 4) {
    case 1:
      hwk_h8_copy_rows(patch, at, rows, row_bytes, map_step, 1);
      break;
    case 2:
      hwk_h8_copy_rows(patch, at, rows, row_bytes, map_step, 2);
      break;
    case 3:
      hwk_h8_copy_rows(patch, at, rows, row_bytes, map_step, 3);
      break;
    default:
#pragma GCC unroll 1
      for (int32_t r = 0; r < rows; ++r, at += map_step) {
        hwk_copy_run(patch + r * row_bytes, at, row_bytes);
      }
  }
  hwk_h8_widen(column, patch, rows * row_bytes);
}

/* `count` outputs of a row whose taps all lie in the map, the first one's first tap at `at`. `patch`
 * has room for a word more than the taps. */
HWK_NOINLINE void hwk_h8_gather_inside(const hwk_window_t *w, const int8_t *at, int32_t count,
                                       int32_t *column, int8_t *patch) {
  int32_t row_bytes = w->kernel_width * w->channels, rows = w->kernel_height;
  int32_t map_step = w->dilation_height * w->input_width * w->channels;
  int32_t pixel_step = w->stride_width * w->channels;
#pragma GCC unroll 1
  for (; count > 0; --count, ++column, at += pixel_step) {
    if (w->channels % 4 != 0) {
      hwk_h8_gather_rows(at, rows, row_bytes, map_step, column, patch);
      continue;
    }
    const int8_t *row = at;
    int32_t *to = column;
#pragma GCC unroll 1
    for (int32_t r = 0; r < rows; ++r, row += map_step) {
      to = hwk_h8_widen(to, row, row_bytes);
    }
  }
}

/* Outputs y_first <= y < y_end, x_first <= x < x_end: all taps lie in the map, and behind those of
 * odd channels a word that can be read. */
typedef struct {
  int32_t y_first;
  int32_t y_end;
  int32_t x_first;
  int32_t x_end;
} hwk_h8_inside_t;

/* The first output whose window starts in the map. */
HWK_INLINE int32_t hwk_h8_first(int32_t padding, int32_t stride) {
  return (hwk_max(padding, 0) + stride - 1) / stride;
}

/* The end of those whose window, `reach` from its first to its last tap, ends before `size`. */
HWK_INLINE int32_t hwk_h8_end(int32_t size, int32_t reach, int32_t padding, int32_t stride) {
  int32_t last = size - 1 - reach + padding;
  return last < 0 ? 0 : last / stride + 1;
}

HWK_INLINE hwk_h8_inside_t hwk_h8_inside(const hwk_window_t *w) {
  int32_t reach_y = (w->kernel_height - 1) * w->dilation_height;
  int32_t map_row = w->input_width * w->channels;
  int32_t rows = w->channels % 4 == 0 ? w->input_height : w->input_height - 1;
  hwk_h8_inside_t inside = {
      hwk_h8_first(w->padding_top, w->stride_height),
      hwk_h8_end(rows, reach_y, w->padding_top, w->stride_height),
      hwk_h8_first(w->padding_left, w->stride_width),
      hwk_h8_end(w->input_width, w->kernel_width - 1, w->padding_left, w->stride_width),
  };
  if (w->dilation_width != 1 || map_row < 4) {
    inside.y_end = 0;
  }
  return inside;
}

/* The columns of outputs from (y, x) on, in a row and at most `most`; returns how many. */
HWK_INLINE int32_t hwk_h8_gather(const hwk_conv2d_t *d, const hwk_h8_inside_t *inside,
                                 const int8_t *input, int32_t y, int32_t x, int32_t most,
                                 int32_t *column, int8_t *patch) {
  const hwk_window_t *w = &d->window;
  if (y >= inside->y_first && y < inside->y_end && x >= inside->x_first && x < inside->x_end) {
    int32_t pixel = hwk_window_row(w, y, 0) * w->input_width + hwk_window_column(w, x, 0);
    int32_t count = hwk_min(inside->x_end - x, most);
    hwk_h8_gather_inside(w, input + pixel * w->channels, count, column, patch);
    return count;
  }
  hwk_h8_gather_any(d, input, y, x, column, patch);
  return 1;
}

#endif
