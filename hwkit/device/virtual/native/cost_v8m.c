#include "cost.h"
#include "thumb.h"

/* Cortex-M33 and Cortex-M55: in order, an instruction a cycle, a few pairs of 16 bits in one.
 *
 * Cortex-M33 as measured on an RP2350 (core r1p0), github.com/jnk0le/random, "pipeline cycle
 * test/doc/cortex_m33.md" of 14b71da; Arm publishes no timing. Results that go through the second
 * stage (products, loads, shifted operands, extensions that add) are there after two cycles, as what
 * is added to a product after one. IT, a NOP or a branch of 16 bits goes beside one of 16 bits; a
 * taken branch takes 2, or 1 beside an instruction that sets no flags. LDM and STM take a cycle a
 * word.
 *
 * Cortex-M55 by LLVM 17's ARMScheduleM55.td, written by Arm: the same, and moves, additions of a
 * constant and extensions of 16 bits go beside another one of 16 bits. A vector instruction takes two
 * beats of its pipe; the next one begins with the second where its pipe is another. LE costs nothing
 * while the loop lasts. */

#define DIVIDE_CYCLES 7u
#define MEMORY_PIPE 0u
#define PIPES 4u

typedef struct {
  uint32_t next;      /* cycle in which the next instruction may begin */
  uint32_t ready[16]; /* and of each register */
  uint32_t added[16]; /* as what is added to a product */
  uint32_t vectors[8];
  uint32_t pipes[PIPES];
  hwk_thumb_t before; /* the last one; bytes 0 where nothing may go beside it */
  bool vector_core;
} core_t;

static bool is_vector(const hwk_thumb_t *op) { return op->kind >= HWK_VECTOR_MEMORY; }

static uint32_t later(uint32_t a, uint32_t b) { return a > b ? a : b; }

static uint32_t begins(const core_t *core, const hwk_thumb_t *op) {
  uint32_t at = core->next;
  for (uint32_t r = 0; r < 15u; r++) {
    if ((op->late >> r & 1u) != 0) {
      at = later(at, core->added[r]);
    } else if ((op->reads >> r & 1u) != 0) {
      at = later(at, core->ready[r]);
    }
  }
  const bool stores =
      op->kind == HWK_VECTOR_MEMORY && !op->loads; /* what it stores, a cycle later */
  for (uint32_t q = 0; q < 8u; q++) {
    if ((op->vector_reads >> q & 1u) != 0 && core->vectors[q] > 0) {
      at = later(at, core->vectors[q] - stores);
    }
  }
  return is_vector(op) ? later(at, core->pipes[op->kind - HWK_VECTOR_MEMORY]) : at;
}

static bool goes_beside(const core_t *core, const hwk_thumb_t *op) {
  const hwk_thumb_t *before = &core->before;
  if (op->bytes != 2 || before->bytes != 2) {
    return false;
  }
  if (op->kind == HWK_BRANCH || op->kind == HWK_IT || op->kind == HWK_NOP) {
    return true;
  }
  const bool depends = (before->writes & (op->reads | op->writes)) != 0;
  return core->vector_core && (op->companion || before->companion) && !depends;
}

static uint32_t occupies(const hwk_thumb_t *op) {
  switch (op->kind) {
    case HWK_MULTIPLE:
      return op->count;
    case HWK_DIVIDE:
      return DIVIDE_CYCLES;
    case HWK_LOOP:
      return 0;
    case HWK_MULTIPLY: /* flags of the second stage */
      return op->bytes == 2 ? 2 : 1;
    case HWK_SHIFTED:
      return op->flags && op->early == 0 ? 2 : 1;
    default:
      return 1;
  }
}

static uint32_t latency(const hwk_thumb_t *op) {
  switch (op->kind) {
    case HWK_SHIFTED:
    case HWK_PACKED:
    case HWK_MULTIPLY:
    case HWK_LOAD:
    case HWK_LOAD_PART:
      return 2;
    case HWK_VECTOR_MEMORY: /* the address */
      return 1;
    case HWK_VECTOR_INTEGER:
    case HWK_VECTOR_MULTIPLY:
      return op->vector_latency;
    default:
      return occupies(op);
  }
}

static void write(core_t *core, const hwk_thumb_t *op, uint32_t at) {
  const uint32_t after = latency(op);
  uint32_t word = at;
  for (uint32_t r = 0; r < 15u; r++) {
    if ((op->writes >> r & 1u) == 0) {
      continue;
    }
    const bool base = op->early >> r & 1u;
    const bool loaded = op->kind == HWK_MULTIPLE && op->loads && !base;
    const bool address = base && op->kind >= HWK_LOAD && op->kind <= HWK_STORE;
    core->ready[r] = loaded ? word++ + 2u : address ? at + 1u : at + after;
    core->added[r] = core->ready[r] - (core->ready[r] == at + 2u || loaded ? 1u : 0u);
  }
  for (uint32_t q = 0; q < 8u; q++) {
    if ((op->vector_writes >> q & 1u) != 0) {
      core->vectors[q] = at + op->vector_latency;
    }
  }
  if (is_vector(op)) {
    core->pipes[op->kind - HWK_VECTOR_MEMORY] = at + (op->kind == HWK_VECTOR_CONTROL ? 1u : 2u);
  }
}

/* Of a branch that ends the run, beyond what it takes when it falls through. */
static uint32_t taken(const core_t *core, const hwk_thumb_t *op, bool beside) {
  if (op->kind == HWK_LOOP) {
    return 0;
  }
  return beside && op->conditional && core->before.flags ? 2u : 1u;
}

static hwk_cost_t cost(const uint8_t *code, uint32_t size_bytes, bool vector_core) {
  core_t core = {.vector_core = vector_core};
  hwk_cost_t total = {0, 0, 1, 0};
  for (uint32_t at = 0; at < size_bytes;) {
    const hwk_thumb_t op = hwk_thumb(code + at, size_bytes - at);
    if (op.bytes == 0) {
      break;
    }
    at += op.bytes;
    total.instructions++;
    const bool beside = goes_beside(&core, &op) && begins(&core, &op) <= core.next;
    total.taken_cycles = taken(&core, &op, beside);
    total.conditional = op.conditional;
    const uint32_t start = beside ? core.next - 1u : begins(&core, &op);
    write(&core, &op, start);
    core.next = beside ? core.next : start + occupies(&op);
    core.before = op;
    core.before.bytes = beside ? 0 : op.bytes;
  }
  total.cycles = core.next;
  return total;
}

hwk_cost_t hwk_cortex_m33_cost(const uint8_t *code, uint32_t size_bytes) {
  return cost(code, size_bytes, false);
}

hwk_cost_t hwk_cortex_m55_cost(const uint8_t *code, uint32_t size_bytes) {
  return cost(code, size_bytes, true);
}
