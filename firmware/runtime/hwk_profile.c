#include "hwk_profile.h"

#include "hwk_platform.h"

static uint32_t marks[HWK_PROFILE_MARKS];
static uint32_t mark_count;

__attribute__((noinline, used)) void hwk_profile_mark(int layer) {
  const uint32_t now = hwk_platform_cycles();
  if (layer >= 0 && layer < HWK_PROFILE_MARKS) {
    marks[layer] = now;
    mark_count = (uint32_t)layer + 1u;
  }
}

uint32_t hwk_profile_cycles(uint32_t layer) {
  return layer < hwk_profile_layers() ? marks[layer + 1u] - marks[layer] : 0;
}

uint32_t hwk_profile_layers(void) { return mark_count == 0 ? 0 : mark_count - 1u; }
