/* Reset and fault entry of a Cortex-M4: "Armv7-M Architecture Reference Manual" (DDI 0403),
 * B1.5.2 (vector table), B1.5.5 (reset), B3.2.20 (CPACR, which enables the FPU). */
#include "startup.h"

#define CPACR (*(volatile uint32_t *)0xE000ED88u)
#define CPACR_FPU_FULL_ACCESS (0xFu << 20)
/* The reset handler's own frame, left unpainted. */
#define FRAME_SLACK_WORDS 32

int main(void);
void Reset_Handler(void);
void HardFault_Handler(void);

static void enable_fpu(void) {
  CPACR |= CPACR_FPU_FULL_ACCESS;
  __asm volatile("dsb\n\tisb" ::: "memory");
}

static void paint_stack(void) {
  uint32_t *stack_pointer;
  __asm volatile("mov %0, sp" : "=r"(stack_pointer));
  for (volatile uint32_t *word = &hwk_stack_limit; word < stack_pointer - FRAME_SLACK_WORDS;
       word++) {
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

__attribute__((noreturn)) void Reset_Handler(void) {
  enable_fpu();
  paint_stack();
  initialise_data();
  main();
  for (;;) {
  }
}

/* Every fault ends here: a debugger, or the virtual board, sees where it came from. */
__attribute__((noreturn)) void HardFault_Handler(void) {
  for (;;) {
    __asm volatile("bkpt 0");
  }
}

typedef void (*handler_t)(void);

typedef struct {
  uint32_t *stack_top;
  handler_t handlers[15];
} vector_table_t;

/* Exceptions 1 to 15 (table B1-4); no interrupt is used. */
__attribute__((section(".vectors"), used)) static const vector_table_t vector_table = {
    &hwk_stack_top,
    {Reset_Handler, HardFault_Handler, HardFault_Handler, HardFault_Handler, HardFault_Handler,
     HardFault_Handler, 0, 0, 0, 0, HardFault_Handler, HardFault_Handler, 0, HardFault_Handler,
     HardFault_Handler}};
