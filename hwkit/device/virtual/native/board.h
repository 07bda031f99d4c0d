/* A virtual board around a unicorn engine, with a Cortex-M or an RV32 core: exact instruction
 * counts, the cost model's cycles, a UART on a socket or a debugger's console in its place, the
 * private peripherals of a Cortex-M. */
#ifndef HWK_BOARD_H
#define HWK_BOARD_H

#include <stdint.h>

#include "flash.h"
#include "unicorn_abi.h"

/* Layer boundaries kept. */
#define HWK_BOARD_MARKS 4096u

/* HWK_PROFILE_AGAIN of firmware/include/hwk_profile.h */
#define HWK_BOARD_MARK_AGAIN 0x10000u

/* unicorn's numbers of the registers that a call passes its first two arguments in and returns
 * to, and of the program counter */
typedef struct {
  int first;
  int second;
  int pc;
  int link;
} hwk_board_registers_t;

/* code          the guest's code memory, in this process; mapped at code_origin
 * uart_base     of a CMSDK UART; 0 when the guest uses the console instead
 * timer_base    of a 32-bit CMSDK timer, 0 for none
 * private_base  of a Cortex-M's private peripherals, 0 for none
 * mark_address  of hwk_profile_mark, without the Thumb bit
 * thumb         1 when code addresses carry the Thumb bit, else 0
 * cost_model    a name of hwk_cost_model
 * flash         what reading code and constants costs
 * listener      listening socket for the UART's client */
typedef struct {
  uc_engine *engine;
  const uint8_t *code;
  uint64_t code_origin;
  uint64_t code_bytes;
  uint64_t uart_base;
  uint64_t timer_base;
  uint64_t private_base;
  uint64_t mark_address;
  hwk_board_registers_t registers;
  uint32_t thumb;
  const char *cost_model;
  hwk_flash_timing_t flash;
  int listener;
} hwk_board_config_t;

/* Why the guest stopped. kind is a uc_mem_type (19 and up) for a bad access, 1 for an exception
 * whose number is in address, 0 for neither. */
typedef struct {
  uint32_t kind;
  uint64_t address;
  uint32_t size_bytes;
  uint32_t pc;
  uint32_t lr;
} hwk_board_fault_t;

typedef struct hwk_board hwk_board_t;

/* A board on the engine of `config`, NULL when memory or a hook is refused. Never freed: it lives
 * as long as its process. */
hwk_board_t *hwk_board_new(const hwk_board_config_t *config);

/* Runs the guest from `entry` until it faults or hwk_board_stop; returns unicorn's error code. The
 * caller has set the registers. Counters and UART start afresh. */
int hwk_board_run(hwk_board_t *board, uint32_t entry);

/* Ends a run from another thread, and every later run at once until hwk_board_ready. */
void hwk_board_ready(hwk_board_t *board);
void hwk_board_stop(hwk_board_t *board);

/* Totals since the run began: exact while the guest waits for input. A conditional instruction
 * whose condition fails counts as executed, and takes its cycle. */
uint64_t hwk_board_instructions(const hwk_board_t *board);
uint64_t hwk_board_cycles(const hwk_board_t *board);

/* Instructions and cycles of each layer of the last inference, from its mark to the next one;
 * returns how many were written, at most `capacity`. */
uint32_t hwk_board_layers(const hwk_board_t *board, uint64_t *instructions, uint64_t *cycles,
                          uint32_t capacity);

void hwk_board_fault(const hwk_board_t *board, hwk_board_fault_t *fault);

#endif
