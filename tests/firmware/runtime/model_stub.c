/* A model small enough to check by eye: copy, then add one (modulo 256). */
#include <stddef.h>

#include "hwk_model.h"
#include "hwk_profile.h"

#ifndef STUB_BYTES
#define STUB_BYTES 64
#endif
#ifndef STUB_LAYERS
#define STUB_LAYERS 2
#endif
#define LAYERS ((uint32_t)STUB_LAYERS)

static struct {
  int8_t input[STUB_BYTES];
  int8_t copy[STUB_BYTES];
  int8_t output[STUB_BYTES];
} arena __attribute__((aligned(16)));

typedef struct {
  uint32_t layer_count;
  uint32_t arena_bytes;
  uint8_t digest[HWK_MODEL_DIGEST_BYTES];
  uint64_t build;
  uint32_t tensor_bytes[2];
  char name[4];
} description_t;

static const description_t description = {LAYERS,
                                          sizeof arena,
                                          {1, 2, 3, 4},
                                          0x8877665544332211u,
                                          {STUB_BYTES, STUB_BYTES},
                                          {'s', 't', 'u', 'b'}};

static const hwk_tensor_t tensors[] = {{arena.input, STUB_BYTES}, {arena.output, STUB_BYTES}};
static const hwk_range_t range = {-128, 255};

const hwk_model_info_t hwk_model_info = {
    .description = &description,
    .description_bytes = offsetof(description_t, name) + sizeof description.name,
    .layer_count = LAYERS,
    .selftest_crc32 = STUB_CRC32,
    .selftest_steps = 1,
    .ranges = &range,
    .inputs = {tensors, 1, STUB_BYTES},
    .outputs = {tensors + 1, 1, STUB_BYTES},
    .states = {tensors + 2, 0, 0},
};

void hwk_model_reset(void) {}

static void copy(void) {
  for (uint32_t i = 0; i < STUB_BYTES; i++) {
    arena.copy[i] = arena.input[i];
  }
}

/* In .data, so that a start-up that leaves it out is noticed. */
static volatile uint8_t one = 1;

static void add_one(void) {
  const uint8_t step = one;
  for (uint32_t i = 0; i < STUB_BYTES; i++) {
    arena.output[i] = (int8_t)(uint8_t)((uint8_t)arena.copy[i] + step);
  }
#ifdef STUB_OVERRUN
  /* Through volatile, so that the compiler does not see where it goes. */
  int8_t *volatile end = arena.output + STUB_BYTES;
  *end = 7;
#endif
}

void hwk_model_invoke(uint32_t last_layer) {
  if (last_layer >= LAYERS) {
    __builtin_trap(); /* there is no such layer: the server must not ask for it */
  }
  hwk_profile_mark(0);
  copy();
  hwk_profile_mark(1);
  if (last_layer == 0) {
    return;
  }
  add_one();
  hwk_profile_mark(2);
  for (int layer = 2; layer < STUB_LAYERS; layer++) {
    hwk_profile_mark(layer + 1);
  }
}

const void *hwk_model_layer_output(uint32_t layer, uint32_t *size_bytes) {
  *size_bytes = layer < LAYERS ? STUB_BYTES : 0u;
  if (layer == 0) {
    return arena.copy;
  }
  return layer == 1 ? arena.output : NULL;
}
