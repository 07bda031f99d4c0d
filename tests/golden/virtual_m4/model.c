/* Layers of model golden. Generated. */
#include <stddef.h>

#include "hwk_model.h"
#include "hwk_profile.h"
#include "model_data.h"

#include <hwk_dense_s8_s4.h>

static int8_t arena[32] __attribute__((aligned(16)));

/* fc: Dense */
static const hwk_dense_t layer0_descriptor = {
    .rows = 1,
    .input_features = 4,
    .output_features = 3,
    .weights = layer0_weights,
    .bias = layer0_bias,
    .rescale = {
        .rounding = HWK_ROUND_HALF_EVEN,
        .multipliers = NULL,
        .shifts = NULL,
        .offsets = NULL,
        .multiplier = 1073741824,
        .shift = 35,
        .lowest_shift = 35,
        .highest_shift = 35,
        .left_shift = 0,
        .input_bits = 13,
        .offset_step = 0,
        .zero_point = 0,
        .low = -128,
        .high = 127}};
static __attribute__((noinline)) void layer0(void) {
  hwk_dense_s8_s4(&layer0_descriptor, (const void *)(arena + 0), (void *)(arena + 0), arena + 16);
}

typedef struct {
  void (*run)(void);
  const int8_t *output;
  uint32_t output_bytes;
} layer_t;

static const layer_t layers[] = {
    {layer0, arena + 0, 3},
};

#define LAYER_COUNT (sizeof layers / sizeof layers[0])

const hwk_model_info_t hwk_model_info = {
    .name = "golden",
    .digest = {0x24, 0xcf, 0xea, 0x00, 0xbb, 0x24, 0x9f, 0x4b, 0x60, 0xb2, 0x65, 0x44, 0x65, 0xb0, 0xf8, 0x8b, 0xf5, 0x84, 0x52, 0xa5, 0x47, 0x61, 0x0e, 0x97, 0xff, 0x01, 0x49, 0x59, 0x69, 0x4b, 0x21, 0x21},
    .layer_count = LAYER_COUNT,
    .input_bytes = 4,
    .output_bytes = 3,
    .arena_bytes = sizeof arena,
    .selftest_crc32 = 0x717aa70fu,
    .input_low = -128,
    .input_high = 127};

int8_t *hwk_model_input(void) { return arena + 0; }

const int8_t *hwk_model_output(void) { return arena + 0; }

void hwk_model_invoke(uint32_t last_layer) {
  uint32_t last = last_layer < LAYER_COUNT ? last_layer : LAYER_COUNT - 1u;
  for (uint32_t i = 0; i <= last; ++i) {
    hwk_profile_mark((int)i);
    layers[i].run();
  }
  hwk_profile_mark((int)(last + 1u));
}

const void *hwk_model_layer_output(uint32_t layer, uint32_t *size_bytes) {
  if (layer >= LAYER_COUNT) {
    *size_bytes = 0;
    return NULL;
  }
  *size_bytes = layers[layer].output_bytes;
  return layers[layer].output;
}
