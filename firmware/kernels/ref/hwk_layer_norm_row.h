/* Layer norm of rows, whatever the width of their integers: SPEC.md, "Real functions". */
#ifndef HWK_LAYER_NORM_ROW_H
#define HWK_LAYER_NORM_ROW_H

#include <hwk_real.h>
#include <hwk_roots.h>
#include <hwk_store.h>

/* Sums of the integers, at most 2^27, and of their squares, at most 2^42. */
typedef struct {
  int32_t sum;
  int64_t squares;
} hwk_moments_t;

/* n times `reciprocal`, `shift` bits down, is n by the deviation in 2^24 parts of one. */
typedef struct {
  uint32_t reciprocal;
  int32_t shift; /* 4 .. 35 */
} hwk_deviation_t;

HWK_INLINE void hwk_moment(hwk_moments_t *m, int32_t x) {
  m->sum += x;
  m->squares += x * x;
}

HWK_NOINLINE hwk_deviation_t hwk_deviation(const hwk_layer_norm_t *d, const hwk_moments_t *m) {
  int64_t spread = d->channels * m->squares - (int64_t)m->sum * m->sum;
  uint64_t epsilon = (uint64_t)(uint32_t)d->epsilon_high << 32 | (uint32_t)d->epsilon_low;
  uint64_t value = ((uint64_t)spread << 8) + epsilon;
  int32_t up = 0;
  value = value == 0 ? 1 : value;
  for (; value < (uint64_t)1 << 62; value <<= 2) {
    ++up;
  }
  hwk_deviation_t found = {hwk_quotient(INT64_MAX, hwk_root(value)), 35 - up};
  return found;
}

/* Normalizes x and writes it as element `index` of the output. */
HWK_INLINE void hwk_normalize(const hwk_layer_norm_t *d, const hwk_moments_t *m,
                              const hwk_deviation_t *by, int32_t x, void *output, int32_t index,
                              int32_t channel) {
  int64_t product = (int64_t)(d->channels * x - m->sum) * (int64_t)by->reciprocal;
  int32_t parts = (int32_t)((product + ((int64_t)1 << (by->shift - 1))) >> by->shift);
  parts = d->signs == NULL ? parts : parts * d->signs[channel];
  hwk_store(&d->rescale, output, index, parts, channel);
}

/* hwk_layer_norm_<suffix>, of integers of `type`. */
#define HWK_LAYER_NORM(suffix, type)                                                    \
  HWK_NO_SCRATCH(layer_norm_##suffix, layer_norm)                                       \
  HWK_INLINE void hwk_layer_norm_##suffix(const hwk_layer_norm_t *d, const type *input, \
                                          void *output, void *scratch) {                \
    (void)scratch;                                                                      \
    for (int32_t n = 0; n < d->rows; ++n, input += d->channels) {                       \
      hwk_moments_t m = {0, 0};                                                         \
      for (int32_t c = 0; c < d->channels; ++c) {                                       \
        hwk_moment(&m, input[c]);                                                       \
      }                                                                                 \
      hwk_deviation_t deviation = hwk_deviation(d, &m);                                 \
      for (int32_t c = 0; c < d->channels; ++c) {                                       \
        hwk_normalize(d, &m, &deviation, input[c], output, n * d->channels + c, c);     \
      }                                                                                 \
    }                                                                                   \
  }

#endif
