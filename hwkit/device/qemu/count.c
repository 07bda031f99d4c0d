/* QEMU plugin: counts executed instructions and modelled cycles, and writes both to a file each time
 * that execution reaches one address; a line "start" at another. Options: mark=ADDRESS and
 * start=ADDRESS (decimal), model=NAME (of ../virtual/native/cost.h), out=PATH.
 *
 * The interface (version 1) is declared by hand from QEMU's documentation, docs/devel/tcg-plugins:
 * distributions ship no header. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t,
                                                            struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block,
                                          void (*callback)(unsigned, void *), int flags,
                                          void *context);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            void (*callback)(unsigned, void *), int flags,
                                            void *context);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction, int operation,
                                                void *counter, uint64_t value);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **options);

#define NO_REGISTERS 0
#define ADD_U64 0
#define LONGEST_BYTES 4u /* of an instruction */

int qemu_plugin_version = 1;

static uint64_t executed;
static uint64_t cycles;
static uint64_t mark_address;
static uint64_t start_address;
static hwk_flow_t flow;
static FILE *output;

static void on_mark(unsigned cpu, void *context) {
  (void)cpu;
  (void)context;
  fprintf(output, "%" PRIu64 " %" PRIu64 "\n", executed, cycles);
  fflush(output);
}

static void on_start(unsigned cpu, void *context) {
  (void)cpu;
  (void)context;
  fputs("start\n", output);
}

/* A block begins: what the way to it costs. */
static void on_block(unsigned cpu, void *context) {
  (void)cpu;
  cycles += hwk_flow_enter(&flow, context);
}

/* Its first instruction has been reached, behind a mark: what it costs itself. */
static void on_first(unsigned cpu, void *context) {
  (void)cpu;
  cycles += ((const hwk_run_t *)context)->cost.cycles;
}

/* Bytes of the instruction that begins here. QEMU's own size is larger at the end of a page, where it
 * looks at the next one. */
static size_t length(const uint8_t *data) {
  return flow.model->cost(data, 2).instructions != 0 ? 2 : LONGEST_BYTES;
}

/* QEMU says nothing when it throws a translation away, so a run stays for good. */
static hwk_run_t *run_of(const struct qemu_plugin_tb *block, size_t instructions) {
  uint8_t *code = malloc(instructions * LONGEST_BYTES);
  hwk_run_t *run = malloc(sizeof *run);
  if (code == NULL || run == NULL) {
    abort();
  }
  uint32_t bytes = 0;
  for (size_t i = 0; i < instructions; i++) {
    const struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    const uint8_t *data = qemu_plugin_insn_data(instruction);
    const size_t size = length(data);
    memcpy(code + bytes, data, size);
    bytes += (uint32_t)size;
  }
  *run =
      hwk_run(flow.model, code, qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(block, 0)), bytes);
  free(code);
  return run;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  const size_t instructions = qemu_plugin_tb_n_insns(block);
  hwk_run_t *run = run_of(block, instructions);
  qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, NO_REGISTERS, run);
  for (size_t i = 0; i < instructions; i++) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    if (qemu_plugin_insn_vaddr(instruction) == mark_address) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_mark, NO_REGISTERS, NULL);
    }
    if (qemu_plugin_insn_vaddr(instruction) == start_address) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_start, NO_REGISTERS, NULL);
    }
    if (i == 0) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_first, NO_REGISTERS, run);
    }
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &executed, 1);
  }
}

static bool set(const char *option) {
  if (strncmp(option, "mark=", 5) == 0) {
    mark_address = strtoull(option + 5, NULL, 10);
  } else if (strncmp(option, "start=", 6) == 0) {
    start_address = strtoull(option + 6, NULL, 10);
  } else if (strncmp(option, "model=", 6) == 0) {
    flow.model = hwk_cost_model(option + 6);
  } else if (strncmp(option, "out=", 4) == 0) {
    output = fopen(option + 4, "w");
  } else {
    return false;
  }
  return true;
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **options) {
  (void)info;
  for (int i = 0; i < count; i++) {
    if (!set(options[i])) {
      return 1;
    }
  }
  if (output == NULL || flow.model == NULL) {
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  return 0;
}
