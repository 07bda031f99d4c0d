/* From real numbers to a model's integers and back, and the largest of an output. No library behind
 * it; any number of models share it. */
#ifndef HWK_NUMBERS_H
#define HWK_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* The integer low..high that stands for `real`: real / scale + zero_point, to the nearest, halves away
 * from zero, as the operator QUANTIZE of a .tflite has it. What is no number becomes zero_point. */
static inline int32_t hwk_quantize(float real, float scale, int32_t zero_point, int32_t low,
                                   int32_t high) {
  const float steps = real / scale;
  if (steps != steps) {
    return zero_point;
  }
  /* What is outside stays outside, and small enough for an integer. */
  if (steps >= (float)high - (float)zero_point) {
    return high;
  }
  if (steps <= (float)low - (float)zero_point) {
    return low;
  }
  int32_t whole = (int32_t)steps;
  const float rest = steps - (float)whole;
  whole += rest >= 0.5f ? 1 : 0;
  whole -= rest <= -0.5f ? 1 : 0;
  return whole + zero_point;
}

/* The real number that `integer` stands for. */
static inline float hwk_dequantize(int32_t integer, float scale, int32_t zero_point) {
  return scale * (float)(integer - zero_point);
}

/* The index of the largest of `count` integers, the first one of equals; 0 for none. */
static inline size_t hwk_argmax_s8(const int8_t *values, size_t count) {
  size_t best = 0;
  for (size_t k = 1; k < count; k++) {
    best = values[k] > values[best] ? k : best;
  }
  return best;
}

static inline size_t hwk_argmax_s16(const int16_t *values, size_t count) {
  size_t best = 0;
  for (size_t k = 1; k < count; k++) {
    best = values[k] > values[best] ? k : best;
  }
  return best;
}

static inline size_t hwk_argmax_s32(const int32_t *values, size_t count) {
  size_t best = 0;
  for (size_t k = 1; k < count; k++) {
    best = values[k] > values[best] ? k : best;
  }
  return best;
}

#endif
