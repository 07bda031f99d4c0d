#include "hwk_profile.h"

#include "hwk_platform.h"

#define LAST (HWK_PROFILE_MARKS - 1u) /* takes what no layer does */

static uint32_t cycles[HWK_PROFILE_MARKS];
static uint32_t begun;   /* layers that this record has */
static uint32_t running; /* since `since` */
static uint32_t since;

__attribute__((noinline, used)) void hwk_profile_mark(int mark) {
  const uint32_t now = hwk_platform_cycles();
  const uint32_t layer = (uint32_t)mark & (HWK_PROFILE_AGAIN - 1u);
  cycles[running] += now - since;
  since = now;
  running = layer < LAST ? layer : LAST;
  if (mark < HWK_PROFILE_AGAIN) {
    cycles[running] = 0;
    begun = running;
  }
}

uint32_t hwk_profile_cycles(uint32_t layer) { return layer < begun ? cycles[layer] : 0; }

uint32_t hwk_profile_layers(void) { return begun; }
