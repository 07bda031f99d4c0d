#include "hwk_selftest.h"

#include "hwk_crc32.h"
#include "hwk_model.h"

static void fill_input(void) {
  int8_t *input = hwk_model_input();
  const uint32_t levels =
      (uint32_t)((int32_t)hwk_model_info.input_high - hwk_model_info.input_low) + 1u;
  uint32_t x = HWK_SELFTEST_SEED;
  for (uint32_t i = 0; i < hwk_model_info.input_bytes; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    input[i] = (int8_t)(hwk_model_info.input_low + (int32_t)((x >> 24) % levels));
  }
}

uint32_t hwk_selftest_run(void) {
  fill_input();
  hwk_model_invoke(hwk_model_info.layer_count - 1u);
  return hwk_crc32((const uint8_t *)hwk_model_output(), hwk_model_info.output_bytes);
}
