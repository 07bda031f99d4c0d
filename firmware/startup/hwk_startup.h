/* What the entry code of every core calls, and the symbols that the linker script defines. */
#ifndef HWK_STARTUP_H
#define HWK_STARTUP_H

#include <stdint.h>

#define HWK_STACK_PAINT 0xC5C5C5C5u

extern uint32_t hwk_stack_limit; /* lowest word of the stack */
extern uint32_t hwk_stack_top;   /* first word above it */
extern uint32_t hwk_data_start;
extern uint32_t hwk_data_end;
extern const uint32_t hwk_data_image; /* initial .data, in flash */
extern uint32_t hwk_bss_start;
extern uint32_t hwk_bss_end;
extern uint32_t hwk_sram_end; /* first word above the SRAM */

/* Paints the unused stack, fills .data and .bss, runs main(). The stack pointer is set, and the
 * core may execute every instruction that the compiler emits. */
__attribute__((noreturn)) void hwk_start(void);

#endif
