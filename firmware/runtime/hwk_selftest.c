#include "hwk_selftest.h"

#include "hwk_crc32.h"
#include "hwk_model.h"

static uint32_t next(uint32_t x) {
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return x;
}

static void fill_input(void) {
  const int32_t low = hwk_model_info.input_low, high = hwk_model_info.input_high;
  const uint32_t levels = (uint32_t)(high - low) + 1u;
  const int wide = low < INT8_MIN || high > INT8_MAX;
  const uint32_t count = wide ? hwk_model_info.input_bytes / 2u : hwk_model_info.input_bytes;
  int8_t *bytes = hwk_model_input();
  int16_t *pairs = (void *)bytes;
  uint32_t x = HWK_SELFTEST_SEED;
  for (uint32_t i = 0; i < count; i++) {
    x = next(x);
    if (wide) {
      pairs[i] = (int16_t)(low + (int32_t)((x >> 16) % levels));
    } else {
      bytes[i] = (int8_t)(low + (int32_t)((x >> 24) % levels));
    }
  }
}

uint32_t hwk_selftest_run(void) {
  fill_input();
  hwk_model_invoke(hwk_model_info.layer_count - 1u);
  return hwk_crc32((const uint8_t *)hwk_model_output(), hwk_model_info.output_bytes);
}
