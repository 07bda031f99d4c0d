#include "hwk_selftest.h"

#include "hwk_crc32.h"
#include "hwk_model.h"

/* Fills `input` with what follows generator state `x`, which is returned as it is then. */
static uint32_t fill(const hwk_tensor_t *input, const hwk_range_t *range, uint32_t x) {
  for (uint32_t i = 0; i < input->bytes; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    input->data[i] = (int8_t)(range->low + (int32_t)((x >> 24) % (range->highest + 1u)));
  }
  return x;
}

uint32_t hwk_selftest_run(void) {
  const hwk_model_info_t *model = &hwk_model_info;
  uint32_t x = HWK_SELFTEST_SEED;
  uint32_t crc32 = 0;
  hwk_model_reset();
  for (uint32_t step = 0; step < model->selftest_steps; step++) {
    for (uint32_t k = 0; k < model->inputs.count; k++) {
      x = fill(&model->inputs.first[k], &model->ranges[k], x);
    }
    hwk_model_invoke(model->layer_count - 1u);
    for (uint32_t k = 0; k < model->outputs.count; k++) {
      const hwk_tensor_t *output = &model->outputs.first[k];
      crc32 = hwk_crc32(crc32, (const uint8_t *)output->data, output->bytes);
    }
  }
  hwk_model_reset();
  return crc32;
}
