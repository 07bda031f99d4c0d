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

const hwk_model_info_t hwk_model_info = {
    .name = "stub",
    .digest = {1, 2, 3, 4},
    .layer_count = LAYERS,
    .input_bytes = STUB_BYTES,
    .output_bytes = STUB_BYTES,
    .arena_bytes = sizeof arena,
    .selftest_crc32 = STUB_CRC32,
    .input_low = -128,
    .input_high = 127,
};

int8_t *hwk_model_input(void) { return arena.input; }

const int8_t *hwk_model_output(void) { return arena.output; }

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
