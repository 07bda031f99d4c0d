#include "hwk_selftest.h"

#include <stddef.h>

#include "hwk_crc32.h"
#include "hwk_model.h"

static uint32_t next(uint32_t x) {
  x ^= x << 13;
  x ^= x >> 17;
  return x ^ x << 5;
}

/* Fills all inputs with what follows generator state `x`, which is returned as it is then. */
static uint32_t fill(const hwk_model_info_t *model, uint32_t x) {
  const hwk_tensor_t *input = model->inputs.first;
  const hwk_range_t *range = model->ranges;
  int8_t *data = input->data;
  for (uint32_t left = model->inputs.bytes; left != 0; left--) {
    if (model->stream == NULL && data == input->data + input->bytes) {
      input++;
      range++;
      data = input->data;
    }
    x = next(x);
    const int8_t byte = (int8_t)(range->low + (int32_t)((x >> 24) % (range->highest + 1u)));
    if (model->stream == NULL) {
      *data++ = byte;
    } else {
      model->stream->feed(&byte, 1);
    }
  }
  return x;
}

uint32_t hwk_selftest_run(void) {
  const hwk_model_info_t *model = &hwk_model_info;
  uint32_t x = HWK_SELFTEST_SEED;
  uint32_t crc32 = 0;
  hwk_model_reset();
  if (model->stream != NULL) {
    model->stream->restart();
  }
  for (uint32_t steps = model->selftest_steps; steps != 0; steps--) {
    x = fill(model, x);
    hwk_model_invoke(model->layer_count - 1u);
    const hwk_tensor_t *output = model->outputs.first;
    for (uint32_t left = model->outputs.count; left != 0; left--, output++) {
      crc32 = hwk_crc32(crc32, (const uint8_t *)output->data, output->bytes);
    }
  }
  hwk_model_reset();
  return crc32;
}
