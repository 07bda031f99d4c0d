/* QEMU plugin: counts executed instructions, one by one, and writes the total to a file each time
 * that execution reaches one address; a line "start" at another. Options: mark=ADDRESS and
 * start=ADDRESS (decimal), out=PATH.
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

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t,
                                                            struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            void (*callback)(unsigned, void *), int flags,
                                            void *context);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction, int operation,
                                                void *counter, uint64_t value);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **options);

#define NO_REGISTERS 0
#define ADD_U64 0

int qemu_plugin_version = 1;

static uint64_t executed;
static uint64_t mark_address;
static uint64_t start_address;
static FILE *output;

static void on_mark(unsigned cpu, void *context) {
  (void)cpu;
  (void)context;
  fprintf(output, "%" PRIu64 "\n", executed);
  fflush(output);
}

static void on_start(unsigned cpu, void *context) {
  (void)cpu;
  (void)context;
  fputs("start\n", output);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    if (qemu_plugin_insn_vaddr(instruction) == mark_address) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_mark, NO_REGISTERS, NULL);
    }
    if (qemu_plugin_insn_vaddr(instruction) == start_address) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_start, NO_REGISTERS, NULL);
    }
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &executed, 1);
  }
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **options) {
  (void)info;
  for (int i = 0; i < count; i++) {
    if (strncmp(options[i], "mark=", 5) == 0) {
      mark_address = strtoull(options[i] + 5, NULL, 10);
    } else if (strncmp(options[i], "start=", 6) == 0) {
      start_address = strtoull(options[i] + 6, NULL, 10);
    } else if (strncmp(options[i], "out=", 4) == 0) {
      output = fopen(options[i] + 4, "w");
    }
  }
  if (output == NULL) {
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  return 0;
}
