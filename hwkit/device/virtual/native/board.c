#include "board.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flash.h"
#include "flow.h"
#include "semihosting.h"
#include "uart.h"

#define UART_SPAN_BYTES 0x1000u
/* "Cortex-M System Design Kit Technical Reference Manual" (DDI 0479), section 4.1. */
#define TIMER_SPAN_BYTES 0x1000u
#define TIMER_VALUE 0x4u
/* Private peripheral bus: "Armv7-M Architecture Reference Manual" (DDI 0403), B3.1. */
#define PRIVATE_SPAN_BYTES 0x100000u
#define DWT_CONTROL 0x1000u
#define DWT_CYCLE_COUNT 0x1004u
#define SYSTEM_CPACR 0xED88u
#define SYSTEM_DEMCR 0xEDFCu

#define FAULT_NONE 0u
#define FAULT_EXCEPTION 1u

typedef struct {
  uint64_t instructions;
  uint64_t cycles;
} count_t;

struct hwk_board {
  hwk_board_config_t config;
  const hwk_cost_model_t *model;
  hwk_flow_t flow;
  hwk_flash_t flash;
  hwk_run_t *runs; /* one for each halfword of code; of 0 bytes until it is first run */
  uint64_t instructions;
  uint64_t cycles;
  count_t layers[HWK_BOARD_MARKS];
  uint32_t begun; /* layers that this record has */
  uint32_t running;
  count_t since;
  uint64_t cycle_count_zero; /* cycles at which the guest's counter was 0 */
  uint32_t dwt_control;
  uint32_t demcr;
  uint32_t cpacr;
  volatile bool stopping;
  hwk_board_fault_t fault;
  hwk_uart_t uart;
};

static uint32_t core_register(const hwk_board_t *board, int id) {
  uint32_t value = 0;
  uc_reg_read(board->config.engine, id, &value);
  return value;
}

/* The block that begins has not been counted yet: what is counted ended before the mark. As
 * firmware/runtime/hwk_profile.c does it. */
static void record_mark(hwk_board_t *board) {
  const uint32_t mark = core_register(board, board->config.registers.first);
  const uint32_t number = mark & (HWK_BOARD_MARK_AGAIN - 1u);
  count_t *layer = &board->layers[board->running];
  layer->instructions += board->instructions - board->since.instructions;
  layer->cycles += board->cycles - board->since.cycles;
  board->since = (count_t){board->instructions, board->cycles};
  board->running = number < HWK_BOARD_MARKS ? number : HWK_BOARD_MARKS - 1u;
  if (mark < HWK_BOARD_MARK_AGAIN) {
    board->layers[board->running] = (count_t){0, 0};
    board->begun = board->running;
  }
}

static void on_block(uc_engine *engine, uint64_t address, uint32_t size_bytes, void *context) {
  (void)engine;
  hwk_board_t *board = context;
  const uint64_t offset = address - board->config.code_origin;
  if (offset >= board->config.code_bytes || size_bytes > board->config.code_bytes - offset) {
    hwk_flow_restart(&board->flow);
    return; /* code elsewhere is not part of an image */
  }
  hwk_run_t *run = &board->runs[offset >> 1];
  if (run->bytes != size_bytes) {
    *run = hwk_run(board->model, board->config.code + offset, address, size_bytes);
  }
  board->cycles += hwk_flow_enter(&board->flow, run);
  if (address == board->config.mark_address) {
    record_mark(board);
  }
  board->instructions += run->cost.instructions;
  board->cycles += hwk_flash_fetch(&board->flash, address, size_bytes, board->cycles);
  board->cycles += run->cost.cycles;
}

static void on_read(uc_engine *engine, int type, uint64_t address, int size_bytes, int64_t value,
                    void *context) {
  (void)engine;
  (void)type;
  (void)size_bytes;
  (void)value;
  hwk_board_t *board = context;
  board->cycles += hwk_flash_read(&board->flash, address);
}

static void record_fault(hwk_board_t *board, uint32_t kind, uint64_t address, uint32_t size) {
  const hwk_board_registers_t *registers = &board->config.registers;
  board->fault = (hwk_board_fault_t){kind, address, size, core_register(board, registers->pc),
                                     core_register(board, registers->link)};
}

static bool on_bad_access(uc_engine *engine, int type, uint64_t address, int size_bytes,
                          int64_t value, void *context) {
  (void)engine;
  (void)value;
  record_fault(context, (uint32_t)type, address, (uint32_t)size_bytes);
  return false;
}

static void on_exception(uc_engine *engine, uint32_t number, void *context) {
  record_fault(context, FAULT_EXCEPTION, number, 0);
  uc_emu_stop(engine);
}

static uint64_t read_uart(uc_engine *engine, uint64_t offset, unsigned size, void *context) {
  (void)size;
  hwk_board_t *board = context;
  if (board->stopping) {
    uc_emu_stop(engine);
    return 0;
  }
  return hwk_uart_read(&board->uart, (uint32_t)offset);
}

static void write_uart(uc_engine *engine, uint64_t offset, unsigned size, uint64_t value,
                       void *context) {
  (void)engine;
  (void)size;
  hwk_board_t *board = context;
  hwk_uart_write(&board->uart, (uint32_t)offset, (uint32_t)value);
}

/* Counts down from 2^32 - 1 from the start, whatever is written. */
static uint64_t read_timer(uc_engine *engine, uint64_t offset, unsigned size, void *context) {
  (void)engine;
  (void)size;
  const hwk_board_t *board = context;
  return offset == TIMER_VALUE ? UINT32_MAX - (uint32_t)board->cycles : 0;
}

static void write_timer(uc_engine *engine, uint64_t offset, unsigned size, uint64_t value,
                        void *context) {
  (void)engine;
  (void)offset;
  (void)size;
  (void)value;
  (void)context;
}

static uint64_t read_private(uc_engine *engine, uint64_t offset, unsigned size, void *context) {
  (void)engine;
  (void)size;
  const hwk_board_t *board = context;
  switch (offset) {
    case DWT_CONTROL:
      return board->dwt_control;
    case DWT_CYCLE_COUNT:
      return (uint32_t)(board->cycles - board->cycle_count_zero);
    case SYSTEM_CPACR:
      return board->cpacr;
    case SYSTEM_DEMCR:
      return board->demcr;
    default:
      return 0;
  }
}

static void write_private(uc_engine *engine, uint64_t offset, unsigned size, uint64_t value,
                          void *context) {
  (void)engine;
  (void)size;
  hwk_board_t *board = context;
  switch (offset) {
    case DWT_CONTROL:
      board->dwt_control = (uint32_t)value;
      break;
    case DWT_CYCLE_COUNT:
      board->cycle_count_zero = board->cycles - (uint32_t)value;
      break;
    case SYSTEM_CPACR:
      board->cpacr = (uint32_t)value;
      break;
    case SYSTEM_DEMCR:
      board->demcr = (uint32_t)value;
      break;
    default:
      break;
  }
}

typedef uint64_t read_t(uc_engine *, uint64_t, unsigned, void *);
typedef void write_t(uc_engine *, uint64_t, unsigned, uint64_t, void *);

/* Peripherals at `base`; a board that has none there has 0 for it. */
static bool map(hwk_board_t *board, uint64_t base, uint64_t span, read_t *read, write_t *write) {
  return base == 0 ||
         uc_mmio_map(board->config.engine, base, span, read, board, write, board) == HWK_UC_OK;
}

static bool attach(hwk_board_t *board) {
  const hwk_board_config_t *config = &board->config;
  uc_engine *engine = config->engine;
  uc_hook hook;
  const uint64_t last = config->code_origin + config->code_bytes - 1u;
  if (hwk_flash_counts(&board->flash) &&
      uc_hook_add(engine, &hook, HWK_UC_HOOK_MEM_READ, (void *)on_read, board, config->code_origin,
                  last) != HWK_UC_OK) {
    return false;
  }
  return uc_hook_add(engine, &hook, HWK_UC_HOOK_BLOCK, (void *)on_block, board, 1, 0) ==
             HWK_UC_OK &&
         uc_hook_add(engine, &hook, HWK_UC_HOOK_MEM_INVALID, (void *)on_bad_access, board, 1, 0) ==
             HWK_UC_OK &&
         uc_hook_add(engine, &hook, HWK_UC_HOOK_INTR, (void *)on_exception, board, 1, 0) ==
             HWK_UC_OK &&
         map(board, config->uart_base, UART_SPAN_BYTES, read_uart, write_uart) &&
         map(board, config->timer_base, TIMER_SPAN_BYTES, read_timer, write_timer) &&
         map(board, config->private_base, PRIVATE_SPAN_BYTES, read_private, write_private);
}

hwk_board_t *hwk_board_new(const hwk_board_config_t *config) {
  hwk_board_t *board = calloc(1, sizeof *board);
  hwk_run_t *runs = calloc(config->code_bytes / 2u, sizeof *runs);
  const hwk_cost_model_t *model = hwk_cost_model(config->cost_model);
  if (board == NULL || runs == NULL || model == NULL ||
      !hwk_flash_open(&board->flash, &config->flash)) {
    free(board);
    free(runs);
    return NULL;
  }
  board->config = *config;
  board->flow.model = board->model = model;
  board->runs = runs;
  hwk_uart_open(&board->uart, config->listener);
  return attach(board) ? board : NULL;
}

static int start(hwk_board_t *board, uint32_t address) {
  return board->stopping
             ? HWK_UC_OK
             : uc_emu_start(board->config.engine, address | board->config.thumb, UINT64_MAX, 0, 0);
}

/* Answers the console's call; the result is in the first argument's register. */
static void serve_console(hwk_board_t *board) {
  uc_engine *engine = board->config.engine;
  const hwk_board_registers_t *registers = &board->config.registers;
  uint32_t result = 0;
  if (core_register(board, registers->first) == HWK_SEMIHOSTING_WRITEC) {
    uint8_t byte = 0;
    uc_mem_read(engine, core_register(board, registers->second), &byte, 1);
    hwk_uart_send(&board->uart, byte);
  } else {
    while (!hwk_uart_has_byte(&board->uart) && !board->stopping) {
    }
    result = hwk_uart_receive(&board->uart);
  }
  uc_reg_write(engine, registers->first, &result);
  hwk_flow_restart(&board->flow);
}

static bool calls_console(const hwk_board_t *board, uint32_t pc) {
  const uint32_t number = core_register(board, board->config.registers.first);
  return hwk_semihosting_is_call(&board->config, pc) &&
         (number == HWK_SEMIHOSTING_WRITEC || number == HWK_SEMIHOSTING_READC);
}

int hwk_board_run(hwk_board_t *board, uint32_t entry) {
  board->instructions = 0;
  board->cycles = 0;
  board->cycle_count_zero = 0;
  board->begun = 0;
  board->running = HWK_BOARD_MARKS - 1u;
  hwk_flow_restart(&board->flow);
  hwk_flash_reset(&board->flash);
  memset(&board->fault, 0, sizeof board->fault);
  hwk_uart_reset(&board->uart);
  int error = start(board, entry);
  while (error == HWK_UC_ERR_INSN_INVALID) { /* what the engine says of any breakpoint */
    const uint32_t pc = core_register(board, board->config.registers.pc);
    if (!calls_console(board, pc)) {
      break;
    }
    serve_console(board);
    error = start(board, pc + HWK_SEMIHOSTING_TRAP_BYTES);
  }
  if (board->fault.kind == FAULT_NONE) {
    record_fault(board, FAULT_NONE, 0, 0);
  }
  return error;
}

void hwk_board_ready(hwk_board_t *board) { board->stopping = false; }

void hwk_board_stop(hwk_board_t *board) {
  board->stopping = true;
  uc_emu_stop(board->config.engine);
}

uint64_t hwk_board_instructions(const hwk_board_t *board) { return board->instructions; }

uint64_t hwk_board_cycles(const hwk_board_t *board) { return board->cycles; }

uint32_t hwk_board_layers(const hwk_board_t *board, uint64_t *instructions, uint64_t *cycles,
                          uint32_t capacity) {
  uint32_t count = 0;
  for (; count < board->begun && count < capacity; count++) {
    instructions[count] = board->layers[count].instructions;
    cycles[count] = board->layers[count].cycles;
  }
  return count;
}

void hwk_board_fault(const hwk_board_t *board, hwk_board_fault_t *fault) { *fault = board->fault; }
