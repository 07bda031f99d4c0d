/* The calls of a debugger's console: "RISC-V Semihosting" (version 0.4), section 2.1; Arm
 * "Semihosting for AArch32 and AArch64" (2023) for their numbers. */
#ifndef HWK_SEMIHOSTING_H
#define HWK_SEMIHOSTING_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

#define HWK_SEMIHOSTING_WRITEC 0x03u
#define HWK_SEMIHOSTING_READC 0x07u
#define HWK_SEMIHOSTING_TRAP_BYTES 4u

/* Whether the breakpoint at `pc` is such a call: an ebreak between two shifts that do nothing. */
bool hwk_semihosting_is_call(const hwk_board_config_t *config, uint32_t pc);

#endif
