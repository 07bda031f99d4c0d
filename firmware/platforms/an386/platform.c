/* Arm MPS2 board with the AN386 image: a Cortex-M4 with FPU.
 *
 * Memory map and UART: Arm "Application Note AN386, ARM Cortex-M4 SMM on V2M-MPS2", chapters 3
 * and 4. UART registers: "Cortex-M System Design Kit Technical Reference Manual" (DDI 0479),
 * section 4.3. Core registers: "Armv7-M Architecture Reference Manual" (DDI 0403), C1.8 (DWT) and
 * C1.6.5 (DEMCR). */
#include "hwk_platform.h"

#include "startup.h"

#ifndef HWK_UART_BASE
#error "HWK_UART_BASE is the board's uart.base; the build passes it"
#endif
#ifndef HWK_CLOCK_HZ
#error "HWK_CLOCK_HZ is the board's clock_hz; the build passes it"
#endif

typedef struct {
  volatile uint32_t data;
  volatile uint32_t state;
  volatile uint32_t control;
  volatile uint32_t interrupt;
  volatile uint32_t baud_divider;
} cmsdk_uart_t;

#define UART ((cmsdk_uart_t *)HWK_UART_BASE)
#define UART_STATE_TX_FULL 1u
#define UART_STATE_RX_FULL 2u
#define UART_CONTROL_TX_ENABLE 1u
#define UART_CONTROL_RX_ENABLE 2u
/* DDI 0479 table 4-12: the smallest legal divider. */
#define UART_SMALLEST_DIVIDER 16u

#define DWT_CONTROL (*(volatile uint32_t *)0xE0001000u)
#define DWT_CYCLE_COUNT (*(volatile uint32_t *)0xE0001004u)
#define DEMCR (*(volatile uint32_t *)0xE000EDFCu)
#define DEMCR_TRACE_ENABLE (1u << 24)
#define DWT_CONTROL_CYCLE_COUNT_ENABLE 1u

void hwk_platform_init(void) {
  UART->baud_divider = UART_SMALLEST_DIVIDER;
  UART->control = UART_CONTROL_TX_ENABLE | UART_CONTROL_RX_ENABLE;
  DEMCR |= DEMCR_TRACE_ENABLE;
  DWT_CYCLE_COUNT = 0;
  DWT_CONTROL |= DWT_CONTROL_CYCLE_COUNT_ENABLE;
}

uint8_t hwk_platform_uart_get(void) {
  while ((UART->state & UART_STATE_RX_FULL) == 0) {
  }
  return (uint8_t)UART->data;
}

void hwk_platform_uart_put(uint8_t byte) {
  while ((UART->state & UART_STATE_TX_FULL) != 0) {
  }
  UART->data = byte;
}

uint32_t hwk_platform_cycles(void) { return DWT_CYCLE_COUNT; }

uint32_t hwk_platform_clock_hz(void) { return HWK_CLOCK_HZ; }

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
