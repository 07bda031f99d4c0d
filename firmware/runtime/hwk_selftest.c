#include "hwk_selftest.h"

#include <string.h>

#include "hwk_crc32.h"
#include "hwk_model.h"

/* Fills `input` with what follows generator state `x`, which is returned as it is then. */
static uint32_t fill(const hwk_tensor_t *input, const hwk_range_t *range, uint32_t x) {
  const uint32_t size = range->element_bytes;
  for (uint32_t at = 0; at < input->bytes; at += size) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    const uint32_t drawn = (size == 1u ? x >> 24 : x >> 16) % (range->highest + 1u);
    const int32_t value = range->low + (int32_t)drawn;
    memcpy(input->data + at, &value, size); /* the low bytes come first */
  }
  return x;
}

uint32_t hwk_selftest_run(void) {
  const hwk_model_info_t *model = &hwk_model_info;
  const hwk_tensor_t *outputs = hwk_model_tensors + model->inputs;
  uint32_t x = HWK_SELFTEST_SEED;
  uint32_t crc32 = 0;
  hwk_model_reset();
  for (uint32_t step = 0; step < model->selftest_steps; step++) {
    for (uint32_t k = 0; k < model->inputs; k++) {
      x = fill(&hwk_model_tensors[k], &hwk_model_ranges[k], x);
    }
    hwk_model_invoke(model->layer_count - 1u);
    for (uint32_t k = 0; k < model->outputs; k++) {
      crc32 = hwk_crc32(crc32, (const uint8_t *)outputs[k].data, outputs[k].bytes);
    }
  }
  hwk_model_reset();
  return crc32;
}
