/* G g G^T of hwk_winograd4.h, made from int8: the first or the last three rows of six positions.
 *
 * taps      of one output channel, as everywhere: of each tap all channels
 * channels  a multiple of 8
 * to        of each of 18 positions, of each pair of channels, every second word
 */
#ifndef HWK_WINOGRAD4_WEIGHTS_H
#define HWK_WINOGRAD4_WEIGHTS_H

#include <hwk_tile_winograd.h>
#include <hwk_weights.h>

typedef void hwk_winograd4_row_t(const int8_t *taps, int32_t channels, int32_t *to);

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* A column of a pair of channels: r0 goes on to the next one. r1 has the bytes of a row of taps, r3
 * those from position to position. */
#define HWK_WINOGRAD4_TAPS(a, b, c, turned)                     \
  "ldr " a ", [r0]\n"                                           \
  "ldr " b ", [r0, r1]\n"                                       \
  "ldr " c ", [r0, r1, lsl #1]\n"                               \
  "add r0, r0, r3, lsr #2\n"                                    \
  "sxtb16 " a ", " a turned "\n"                                \
  "sxtb16 " b ", " b turned "\n"                                \
  "sxtb16 " c ", " c turned "\n"

/* 6 a, a + b + c and a - b + c in b, c and t. */
#define HWK_WINOGRAD4_FIRST(a, b, c, t)                         \
  "sadd16 " t ", " a ", " c "\n"                                \
  "sadd16 " c ", " t ", " b "\n"                                \
  "ssub16 " t ", " t ", " b "\n"                                \
  "sadd16 " b ", " a ", " a "\n"                                \
  "sadd16 " b ", " b ", " a "\n"                                \
  "sadd16 " b ", " b ", " b "\n"

/* a + 2 b + 4 c, a - 2 b + 4 c and 6 c in a, b and c; t is lost. */
#define HWK_WINOGRAD4_LAST(a, b, c, t)                          \
  "sadd16 " t ", " c ", " c "\n"                                \
  "sadd16 " c ", " c ", " t "\n"                                \
  "sadd16 " c ", " c ", " c "\n"                                \
  "sadd16 " t ", " t ", " t "\n"                                \
  "sadd16 " t ", " t ", " a "\n"                                \
  "sadd16 " b ", " b ", " b "\n"                                \
  "sadd16 " a ", " t ", " b "\n"                                \
  "ssub16 " b ", " t ", " b "\n"

/* Six positions of a row a, b, c to r2 and on; t and u are lost. */
#define HWK_WINOGRAD4_SIX(a, b, c, t, u)                        \
  "sadd16 " t ", " a ", " a "\n"                                \
  "sadd16 " t ", " t ", " a "\n"                                \
  "sadd16 " t ", " t ", " t "\n"                                \
  "str " t ", [r2]\n"                                           \
  "sadd16 " t ", " a ", " c "\n"                                \
  "sadd16 " u ", " t ", " b "\n"                                \
  "ssub16 " t ", " t ", " b "\n"                                \
  "str " u ", [r2, r3]\n"                                       \
  "str " t ", [r2, r3, lsl #1]\n"                               \
  "add r2, r2, r1, lsl #2\n"                                    \
  HWK_WINOGRAD4_LAST(a, b, c, t)                                \
  "str " a ", [r2]\n"                                           \
  "str " b ", [r2, r3]\n"                                       \
  "str " c ", [r2, r3, lsl #1]\n"                               \
  "add r2, r2, r1, lsl #2\n"

#define HWK_WINOGRAD4_START                                     \
  ".syntax unified\n"                                           \
  "push.w {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"             \
  "lsls r3, r1, #2\n"                                           \
  "adds r4, r0, r1\n"                                           \
  "add.w r1, r1, r1, lsl #1\n"                                  \
  "push {r0, r4}\n"                                             \
  "1:\n"

/* Back to the taps and to the first position of the next pair. */
#define HWK_WINOGRAD4_NEXT                                      \
  "ldr r0, [sp]\n"                                              \
  "sub r2, r2, r1, lsl #4\n"                                    \
  "sub r2, r2, r1, lsl #3\n"                                    \
  "adds r2, #8\n"

#define HWK_WINOGRAD4_END                                       \
  "ldr r4, [sp, #4]\n"                                          \
  "adds r0, #4\n"                                               \
  "str r0, [sp]\n"                                              \
  "cmp r0, r4\n"                                                \
  "bne.w 1b\n"                                                  \
  "add sp, #8\n"                                                \
  "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n"

#define HWK_WINOGRAD4_FIRST_PAIR(turned)                        \
  HWK_WINOGRAD4_TAPS("r4", "r5", "r6", turned)                  \
  HWK_WINOGRAD4_FIRST("r4", "r5", "r6", "r7")                   \
  HWK_WINOGRAD4_TAPS("r8", "r9", "r10", turned)                 \
  HWK_WINOGRAD4_FIRST("r8", "r9", "r10", "r4")                  \
  HWK_WINOGRAD4_TAPS("r8", "r11", "r12", turned)                \
  HWK_WINOGRAD4_FIRST("r8", "r11", "r12", "lr")                 \
  HWK_WINOGRAD4_SIX("r5", "r9", "r11", "r8", "r0")              \
  HWK_WINOGRAD4_SIX("r6", "r10", "r12", "r8", "r0")             \
  HWK_WINOGRAD4_SIX("r7", "r4", "lr", "r8", "r0")               \
  HWK_WINOGRAD4_NEXT

#define HWK_WINOGRAD4_LAST_PAIR(turned)                         \
  HWK_WINOGRAD4_TAPS("r4", "r5", "r6", turned)                  \
  HWK_WINOGRAD4_LAST("r4", "r5", "r6", "r7")                    \
  HWK_WINOGRAD4_TAPS("r8", "r9", "r10", turned)                 \
  HWK_WINOGRAD4_LAST("r8", "r9", "r10", "r7")                   \
  HWK_WINOGRAD4_TAPS("r11", "r12", "lr", turned)                \
  HWK_WINOGRAD4_LAST("r11", "r12", "lr", "r7")                  \
  HWK_WINOGRAD4_SIX("r4", "r8", "r11", "r7", "r0")              \
  HWK_WINOGRAD4_SIX("r5", "r9", "r12", "r7", "r0")              \
  HWK_WINOGRAD4_SIX("r6", "r10", "lr", "r7", "r0")              \
  HWK_WINOGRAD4_NEXT

/* On the stack: the present taps, where they end. */
__attribute__((naked)) HWK_NOINLINE void hwk_winograd4_first_rows(
    __attribute__((unused)) const int8_t *taps, __attribute__((unused)) int32_t channels,
    __attribute__((unused)) int32_t *to) {
  __asm__(HWK_WINOGRAD4_START HWK_WINOGRAD4_FIRST_PAIR("") HWK_WINOGRAD4_FIRST_PAIR(", ror #8")
              HWK_WINOGRAD4_END);
}

__attribute__((naked)) HWK_NOINLINE void hwk_winograd4_last_rows(
    __attribute__((unused)) const int8_t *taps, __attribute__((unused)) int32_t channels,
    __attribute__((unused)) int32_t *to) {
  __asm__(HWK_WINOGRAD4_START HWK_WINOGRAD4_LAST_PAIR("") HWK_WINOGRAD4_LAST_PAIR(", ror #8")
              HWK_WINOGRAD4_END);
}

#else

/* 6 x of two halves. */
HWK_INLINE int32_t hwk_winograd4_six_times(int32_t x) {
  int32_t three = __sadd16(__sadd16(x, x), x);
  return __sadd16(three, three);
}

/* The first three rows of G times a column of the kernel, or the last three. */
HWK_INLINE void hwk_winograd4_column_of(int last, int32_t a, int32_t b, int32_t c, int32_t to[3]) {
  if (last) {
    int32_t twice = __sadd16(c, c), outer = __sadd16(a, __sadd16(twice, twice));
    int32_t middle = __sadd16(b, b);
    to[0] = __sadd16(outer, middle);
    to[1] = __ssub16(outer, middle);
    to[2] = hwk_winograd4_six_times(c);
  } else {
    int32_t outer = __sadd16(a, c);
    to[0] = hwk_winograd4_six_times(a);
    to[1] = __sadd16(outer, b);
    to[2] = __ssub16(outer, b);
  }
}

/* Half of the positions of four channels of a kernel's weights, `odd` 0 of the first and third of
 * them, else of the second and fourth: to words `apart` from each other. */
HWK_INLINE void hwk_winograd4_weights(const int8_t *taps, int32_t channels, int odd, int last,
                                      int32_t *to, int32_t apart) {
  int32_t columns[3][3];
  for (int32_t c = 0; c < 3; ++c) {
    int32_t rows[3];
    for (int32_t r = 0; r < 3; ++r) {
      uint32_t word = hwk_load4_aligned(taps + (3 * r + c) * channels);
      rows[r] = odd ? hwk_odd_pair(word) : hwk_even_pair(word);
    }
    hwk_winograd4_column_of(last, rows[0], rows[1], rows[2], columns[c]);
  }
  for (int32_t r = 0; r < 3; ++r) {
    for (int half = 0; half < 2; ++half, to += 3 * apart) {
      int32_t row[3];
      hwk_winograd4_column_of(half, columns[0][r], columns[1][r], columns[2][r], row);
      to[0] = row[0];
      to[apart] = row[1];
      to[2 * apart] = row[2];
    }
  }
}

/* The same of all channels. */
HWK_INLINE void hwk_winograd4_rows_of(const int8_t *taps, int32_t channels, int last, int32_t *to) {
  for (int32_t c = 0; c < channels; c += 4, taps += 4, to += 2 * HWK_WINOGRAD_TWOS) {
    hwk_winograd4_weights(taps, channels, 0, last, to, channels);
    hwk_winograd4_weights(taps, channels, 1, last, to + HWK_WINOGRAD_TWOS, channels);
  }
}
HWK_INLINE void hwk_winograd4_first_rows(const int8_t *taps, int32_t channels, int32_t *to) {
  hwk_winograd4_rows_of(taps, channels, 0, to);
}
HWK_INLINE void hwk_winograd4_last_rows(const int8_t *taps, int32_t channels, int32_t *to) {
  hwk_winograd4_rows_of(taps, channels, 1, to);
}

#endif

#endif
