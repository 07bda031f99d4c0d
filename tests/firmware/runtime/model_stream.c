/* A model whose 7 bytes of input come in pieces and are not held: its output, 4 bytes, is
 *
 *   h = 31 * h + byte + 1   modulo 2^32, from 0, over all bytes in their order. */
#include <stddef.h>

#include "hwk_model.h"
#include "hwk_profile.h"

typedef struct {
  uint32_t layer_count;
  uint32_t arena_bytes;
  uint8_t digest[HWK_MODEL_DIGEST_BYTES];
  uint64_t build;
  uint32_t tensor_bytes[2];
  char name[6];
} description_t;

static uint32_t hash;
static int8_t output[4];

static const description_t description = {1, sizeof hash, {6},
                                          7, {7, 4},      {'s', 't', 'r', 'e', 'a', 'm'}};

static void restart(void) { hash = 0; }

static void feed(const void *bytes, uint32_t size) {
  const uint8_t *next = bytes;
  for (uint32_t i = 0; i < size; i++) {
    hash = 31u * hash + next[i] + 1u;
  }
}

static const hwk_stream_t stream = {.restart = restart, .feed = feed};
static const hwk_tensor_t tensors[] = {{NULL, 7}, {output, 4}};
static const hwk_range_t ranges[] = {{-128, 255}};

const hwk_model_info_t hwk_model_info = {
    .description = &description,
    .description_bytes = offsetof(description_t, name) + sizeof description.name,
    .layer_count = 1,
    .selftest_crc32 = 0,
    .selftest_steps = 2,
    .ranges = ranges,
    .inputs = {tensors, 1, 7},
    .outputs = {tensors + 1, 1, 4},
    .stream = &stream,
};

void hwk_model_reset(void) {}

void hwk_model_invoke(uint32_t last_layer) {
  (void)last_layer;
  hwk_profile_mark(0);
  for (int i = 0; i < 4; i++) {
    output[i] = (int8_t)(uint8_t)(hash >> 8 * i);
  }
  restart();
  hwk_profile_mark(1);
}

const void *hwk_model_layer_output(uint32_t layer, uint32_t *size_bytes) {
  *size_bytes = layer == 0 ? 4u : 0u;
  return layer == 0 ? output : NULL;
}
