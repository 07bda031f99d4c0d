/* Reset and fault entry of a Cortex-M: "Armv7-M Architecture Reference Manual" (DDI 0403), B1.5.2
 * (vector table), B1.5.5 (reset), B3.2.5 (VTOR), B3.2.20 (CPACR, which enables the FPU). Armv6-M
 * (DDI 0419) and Armv8-M (DDI 0553) keep these addresses; where VTOR is not implemented, a write
 * to it is ignored. */
#include "hwk_startup.h"

#define VTOR (*(volatile uint32_t *)0xE000ED08u)
#define CPACR (*(volatile uint32_t *)0xE000ED88u)
#define CPACR_FPU_FULL_ACCESS (0xFu << 20)

typedef void (*handler_t)(void);

typedef struct {
  uint32_t *stack_top;
  handler_t handlers[15];
} vector_table_t;

void Reset_Handler(void);
void HardFault_Handler(void);
void SysTick_Handler(void);

/* Exceptions 1 to 15 (table B1-4); no interrupt has a handler. */
__attribute__((section(".vectors"), used)) static const vector_table_t vector_table = {
    &hwk_stack_top,
    {Reset_Handler, HardFault_Handler, HardFault_Handler, HardFault_Handler, HardFault_Handler,
     HardFault_Handler, HardFault_Handler, 0, 0, 0, HardFault_Handler, HardFault_Handler, 0,
     HardFault_Handler, SysTick_Handler}};

/* A boot loader may have jumped here with its own vectors, and with interrupts of its own that
 * have no handler here; the compiler may use the FPU from hwk_start on. */
__attribute__((noreturn)) void Reset_Handler(void) {
  __asm volatile("cpsid i" ::: "memory");
  VTOR = (uint32_t)(uintptr_t)&vector_table;
#ifdef __ARM_FP
  CPACR |= CPACR_FPU_FULL_ACCESS;
#endif
  __asm volatile("dsb\n\tisb" ::: "memory");
  hwk_start();
}

/* Every fault ends here: a debugger, or the virtual board, sees where it came from. */
__attribute__((noreturn)) void HardFault_Handler(void) {
  for (;;) {
    __asm volatile("bkpt 0");
  }
}

/* Replaced by the counter that uses it. */
__attribute__((weak)) void SysTick_Handler(void) { HardFault_Handler(); }
