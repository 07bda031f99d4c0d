#include "hwk_startup.h"

#include "hwk_platform.h"

/* What may lie below the frame that paints, left unpainted. */
#define FRAME_SLACK_WORDS 32

int main(void);

static void paint_stack(void) {
  const uint32_t *frame = __builtin_frame_address(0);
  for (volatile uint32_t *word = &hwk_stack_limit; word < frame - FRAME_SLACK_WORDS; word++) {
    *word = HWK_STACK_PAINT;
  }
}

static void initialise_data(void) {
  const uint32_t *from = &hwk_data_image;
  for (uint32_t *to = &hwk_data_start; to < &hwk_data_end; to++) {
    *to = *from++;
  }
  for (uint32_t *to = &hwk_bss_start; to < &hwk_bss_end; to++) {
    *to = 0;
  }
}

__attribute__((noreturn)) void hwk_start(void) {
  paint_stack();
  initialise_data();
  main();
  for (;;) {
  }
}

uint32_t hwk_platform_stack_size_bytes(void) {
  return (uint32_t)((uintptr_t)&hwk_stack_top - (uintptr_t)&hwk_stack_limit);
}

uint32_t hwk_platform_stack_used_bytes(void) {
  const uint32_t *word = &hwk_stack_limit;
  while (word < &hwk_stack_top && *word == HWK_STACK_PAINT) {
    word++;
  }
  return (uint32_t)((uintptr_t)&hwk_stack_top - (uintptr_t)word);
}
