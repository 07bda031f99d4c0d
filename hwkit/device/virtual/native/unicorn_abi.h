/* The part of unicorn's C interface that the board calls, declared by hand from its reference;
 * the library itself comes with the Python package and is loaded before this code. */
#ifndef HWK_UNICORN_ABI_H
#define HWK_UNICORN_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef struct uc_struct uc_engine;
typedef size_t uc_hook;

int uc_hook_add(uc_engine *engine, uc_hook *hook, int type, void *callback, void *context,
                uint64_t begin, uint64_t end, ...);
int uc_mmio_map(uc_engine *engine, uint64_t address, uint64_t size,
                uint64_t (*read)(uc_engine *, uint64_t, unsigned, void *), void *read_context,
                void (*write)(uc_engine *, uint64_t, unsigned, uint64_t, void *),
                void *write_context);
int uc_emu_start(uc_engine *engine, uint64_t begin, uint64_t until, uint64_t timeout_us,
                 size_t count);
int uc_emu_stop(uc_engine *engine);
int uc_reg_read(uc_engine *engine, int register_id, void *value);
int uc_reg_write(uc_engine *engine, int register_id, const void *value);
int uc_mem_read(uc_engine *engine, uint64_t address, void *bytes, uint64_t size);

enum {
  HWK_UC_OK = 0,
  HWK_UC_ERR_INSN_INVALID = 10,
  HWK_UC_HOOK_INTR = 1 << 0,
  HWK_UC_HOOK_BLOCK = 1 << 3,
  HWK_UC_HOOK_MEM_READ = 1 << 10,
  HWK_UC_HOOK_MEM_INVALID = 0x3F << 4 /* read, write, fetch; unmapped, then protected */
};

#endif
