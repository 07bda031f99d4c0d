/* The steps of the softmax kernel as functions of a shared library. */
#include "hwk_softmax_s16.h"
#include "hwk_softmax_s8.h"

int32_t part_high_product(int32_t a, int32_t b) { return hwk_high_product(a, b); }
int32_t part_halves_away(int32_t a, int32_t exponent) { return hwk_halves_away(a, exponent); }
int32_t part_saturating_shift(int32_t a, int32_t by) { return hwk_saturating_shift(a, by); }
int32_t part_exp_of_negative(int32_t a) { return hwk_exp_of_negative(a); }
int32_t part_reciprocal(int32_t a) { return hwk_reciprocal_of_one_plus(a); }
int32_t part_leading_zeros(uint32_t x) { return hwk_leading_zeros(x); }

void part_softmax16(const hwk_softmax16_t *d, const int16_t *input, int16_t *output) {
  hwk_softmax_s16(d, input, output, 0);
}
