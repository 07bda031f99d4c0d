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
        .output_bytes = 1,
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

/* Which build this is: the compiler's command line says it. */
#ifndef HWK_BUILD
#define HWK_BUILD 0
#endif

/* As docs/protocol.md has it. */
typedef struct {
  uint32_t layer_count;
  uint32_t arena_bytes;
  uint8_t digest[HWK_MODEL_DIGEST_BYTES];
  uint64_t build;
  uint32_t tensor_bytes[2];
  char name[7];
} description_t;

static const description_t description = {
    LAYER_COUNT,
    32,
    {0x24, 0xcf, 0xea, 0x00, 0xbb, 0x24, 0x9f, 0x4b, 0x60, 0xb2, 0x65, 0x44, 0x65, 0xb0, 0xf8, 0x8b, 0xf5, 0x84, 0x52, 0xa5, 0x47, 0x61, 0x0e, 0x97, 0xff, 0x01, 0x49, 0x59, 0x69, 0x4b, 0x21, 0x21},
    HWK_BUILD,
    {4, 3},
    "golden"};

static const hwk_tensor_t tensors[] = {
    {arena + 0, 4},
    {arena + 0, 3},
};

static const hwk_range_t ranges[] = {
    {-128, 255},
};

const hwk_model_info_t hwk_model_info = {
    .description = &description,
    .description_bytes = offsetof(description_t, name) + sizeof description.name - 1u,
    .layer_count = LAYER_COUNT,
    .selftest_crc32 = 0x717aa70fu,
    .selftest_steps = 1,
    .ranges = ranges,
    .inputs = {tensors + 0, 1, 4},
    .outputs = {tensors + 1, 1, 3},
    .states = {tensors + 2, 0, 0}};

void hwk_model_reset(void) {
}

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
