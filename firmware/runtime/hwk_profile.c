#include "hwk_profile.h"

#include "hwk_platform.h"

/* Cycles of the layers below `started`; the last mark, at `since`, began `running`. */
static uint32_t cycles[HWK_PROFILE_MARKS];
static uint32_t started;
static uint32_t running;
static uint32_t since;

__attribute__((noinline, used)) void hwk_profile_mark(int mark) {
  const uint32_t now = hwk_platform_cycles();
  if (mark == 0) {
    started = 0;
  } else if (running < started) {
    cycles[running] += now - since;
  }
  running = (uint32_t)mark & (HWK_PROFILE_AGAIN - 1u);
  since = now;
  while (started <= running && running < HWK_PROFILE_MARKS) {
    cycles[started++] = 0;
  }
}

uint32_t hwk_profile_cycles(uint32_t layer) {
  return layer < hwk_profile_layers() ? cycles[layer] : 0;
}

uint32_t hwk_profile_layers(void) { return started == 0 ? 0 : started - 1u; }
