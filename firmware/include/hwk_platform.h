/* What a board must offer; firmware/drivers, firmware/startup and firmware/platforms implement it. */
#ifndef HWK_PLATFORM_H
#define HWK_PLATFORM_H

#include <stdint.h>

/* Clocks, UART and cycle counter ready for use. Called once, before anything else of these. */
void hwk_platform_init(void);

/* One byte from the serial link; waits for it. */
uint8_t hwk_platform_uart_get(void);

/* One byte to the serial link; waits until it is accepted. */
void hwk_platform_uart_put(uint8_t byte);

/* Free-running cycle counter, modulo 2^32; 0 for ever on a core that has none. */
uint32_t hwk_platform_cycles(void);

/* Frequency of that counter. */
uint32_t hwk_platform_clock_hz(void);

/* What runs the firmware. Emulators have no identification of the chip that they stand for: in
 * doubt it is one of them, so that no figure passes for measured that may not be.
 *
 * kind    hwk_kind_t
 * chip    the number by which the chip identifies itself; 0: it has none
 * serial  serial number of this very chip, its bytes as they lie there; all zero: it has none */
typedef enum { HWK_KIND_HARDWARE = 1, HWK_KIND_EMULATOR = 2 } hwk_kind_t;

typedef struct {
  uint32_t kind;
  uint32_t chip;
  uint32_t serial[3];
} hwk_identity_t;

hwk_identity_t hwk_platform_identity(void);

/* Most bytes of stack used since reset, and bytes reserved for it. */
uint32_t hwk_platform_stack_used_bytes(void);
uint32_t hwk_platform_stack_size_bytes(void);

/* Tests the SRAM that neither data nor stack use; what lay there is lost. Returns the number of
 * reads that were wrong, the address of the first one in *first_address (0 if none was), and the
 * size of what was tested in *tested_bytes. */
uint32_t hwk_platform_memory_test(uint32_t *tested_bytes, uint32_t *first_address);

/* Words that lie right behind the model's arena, placed there by the linker script, and that
 * nobody writes but the self-test, which finds a kernel that writes too far. */
#define HWK_GUARD_WORDS 4
extern volatile uint32_t hwk_arena_guard[HWK_GUARD_WORDS];

#endif
