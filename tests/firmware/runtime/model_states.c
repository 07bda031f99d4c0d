/* Two inputs, three outputs and two states, all at odd sizes; modulo 256:
 *
 *   layer 0: mixed[i] = a[i] + b[i % 3] + total[i % 5]     (7 bytes)
 *   layer 1: total'[i] = total[i] + mixed[i]                (5 bytes, in place)
 *            count'[0] = count[0] + 1
 *
 * Outputs: mixed, the input b, total as it is then. total begins with 1, 2, 3, 4, 5, count with 9. */
#include <stddef.h>
#include <string.h>

#include "hwk_model.h"
#include "hwk_profile.h"

static struct {
  int8_t a[7];
  int8_t b[3];
  int8_t mixed[7];
  int8_t total[5];
  int8_t count[2];
} arena __attribute__((aligned(16)));

typedef struct {
  uint32_t layer_count;
  uint32_t arena_bytes;
  uint8_t digest[HWK_MODEL_DIGEST_BYTES];
  uint64_t build;
  uint32_t tensor_bytes[7];
  char name[6];
} description_t;

static const description_t description = {2, sizeof arena,          {5},
                                          6, {7, 3, 7, 3, 5, 5, 2}, {'s', 't', 'a', 't', 'e', 's'}};

static const hwk_tensor_t tensors[] = {
    {arena.a, 7},     {arena.b, 3},     {arena.mixed, 7}, {arena.b, 3},
    {arena.total, 5}, {arena.total, 5}, {arena.count, 2},
};

static const hwk_range_t ranges[] = {{-128, 255}, {-2, 3}};

const hwk_model_info_t hwk_model_info = {
    .description = &description,
    .description_bytes = offsetof(description_t, name) + sizeof description.name,
    .layer_count = 2,
    .selftest_crc32 = STUB_CRC32,
    .selftest_steps = 4,
    .ranges = ranges,
    .inputs = {tensors, 2, 10},
    .outputs = {tensors + 2, 3, 15},
    .states = {tensors + 5, 2, 7},
};

void hwk_model_reset(void) {
  for (int i = 0; i < 5; i++) {
    arena.total[i] = (int8_t)(i + 1);
  }
  memset(arena.count, 9, sizeof arena.count);
}

static int8_t sum(int8_t x, int8_t y) { return (int8_t)(uint8_t)((uint8_t)x + (uint8_t)y); }

void hwk_model_invoke(uint32_t last_layer) {
  hwk_profile_mark(0);
  for (int i = 0; i < 7; i++) {
    arena.mixed[i] = sum(sum(arena.a[i], arena.b[i % 3]), arena.total[i % 5]);
  }
  hwk_profile_mark(1);
  if (last_layer == 0) {
    return;
  }
  for (int i = 0; i < 5; i++) {
    arena.total[i] = sum(arena.total[i], arena.mixed[i]);
  }
  arena.count[0] = sum(arena.count[0], 1);
  hwk_profile_mark(2);
}

const void *hwk_model_layer_output(uint32_t layer, uint32_t *size_bytes) {
  *size_bytes = layer == 0 ? 7u : layer == 1 ? 5u : 0u;
  return layer == 0 ? (const void *)arena.mixed : layer == 1 ? arena.total : NULL;
}
