/* Rescaling in 32-bit words as functions of a shared library, which tell whether 64 were taken. */
#include <hwk_rescale_exact.h>

static int32_t exact_calls;

static int32_t counted(const hwk_rescale_t *r, const hwk_channel_t *scale, int32_t x) {
  ++exact_calls;
  return hwk_rescale_exact(r, scale, x);
}

#define hwk_rescale_exact counted
#include <hwk_rescale.h>
#undef hwk_rescale_exact

int32_t part_high_word(int32_t x, int32_t multiplier, uint32_t low) {
  return hwk_high_word(x, multiplier, low);
}

/* x rescaled; *exact is 1 when that took 64-bit arithmetic, else 0. */
int32_t part_rescale(int32_t x, int32_t multiplier, int32_t shift, int32_t rounding,
                     int32_t zero_point, int32_t *exact) {
  hwk_rescale_t r = {.rounding = (hwk_rounding_t)rounding,
                     .multiplier = multiplier,
                     .shift = shift,
                     .lowest_shift = (int8_t)shift,
                     .highest_shift = (int8_t)shift,
                     .input_bits = 31,
                     .output_bytes = 4,
                     .zero_point = zero_point,
                     .low = INT32_MIN,
                     .high = INT32_MAX};
  exact_calls = 0;
  int32_t scaled = hwk_rescale(&r, x, 0);
  *exact = exact_calls;
  return scaled;
}
