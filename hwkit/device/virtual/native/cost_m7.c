#include "cost.h"
#include "thumb.h"

/* Cortex-M7: in order, two in a cycle where these rules allow it.
 *
 * As measured on an STM32H743, github.com/jnk0le/random, "pipeline cycle test/doc/cortex_m7.md" of
 * 0b9c602, beside quinapalus.com/cm7cycles.html (STM32H730); LLVM 17's ARMScheduleM7.td, written by
 * Arm, has the same. Arm publishes no timing.
 *
 * A pair is in program order, the older and the younger one:
 *  - lanes, fields and extensions only as the older one, and not beside a shifted operand
 *  - one shifted operand or rotated constant, one product, one store, one access of the FPU
 *  - no product beside a store
 *  - two loads of one base address only from words of both parities; of others nothing is known,
 *    and they pair
 *  - load and store multiple, of two words, division, special registers, TBB by themselves
 *  - nothing behind a branch that is taken
 *
 * Results are there a cycle later; of products, bytes and halfwords two; of a word one, but two
 * for a product, an address or a shifter. An addition, move or shift as the older one, whose operands
 * were there a cycle before, can be read in its own cycle. What is added to a product is read a cycle
 * later, data to be stored later still, what makes an address or goes through a shifter a cycle
 * earlier. */

#define DIVIDE_CYCLES 7u
#define START \
  2u /* the first cycle: whatever was made before is there, however early it is wanted */

typedef struct {
  uint32_t cycle;     /* of the older instruction of the pair that may be open */
  uint32_t ready[16]; /* the first cycle in which an instruction that reads it may begin */
  uint32_t word[16];  /* the cycle of the load that made it, and one; 0 for no load */
  hwk_thumb_t older;  /* bytes 0 where nothing may go beside it */
} core_t;

static uint32_t later(uint32_t a, uint32_t b) { return a > b ? a : b; }

static uint32_t begins(const core_t *core, const hwk_thumb_t *op) {
  uint32_t at = 0;
  for (uint32_t r = 0; r < 15u; r++) {
    if ((op->reads >> r & 1u) == 0) {
      continue;
    }
    const bool early = op->early >> r & 1u, late = op->late >> r & 1u;
    const uint32_t from = core->ready[r];
    at = later(at, early ? from + 1u : late && from > 0 ? from - 1u : from);
    if (op->kind == HWK_MULTIPLY && !late && core->word[r] != 0) {
      at = later(at, core->word[r] + 1u);
    }
  }
  return at;
}

static bool alone(const hwk_thumb_t *op) {
  return op->kind == HWK_MULTIPLE || op->kind == HWK_DIVIDE || op->kind == HWK_SYSTEM ||
         (op->kind == HWK_BRANCH && op->early != 0);
}

static bool lanes(const hwk_thumb_t *op) {
  return op->kind == HWK_PACKED || op->kind == HWK_EXTEND;
}

static bool loads(const hwk_thumb_t *op) {
  return op->kind == HWK_LOAD || op->kind == HWK_LOAD_PART;
}

static bool same_bank(const hwk_thumb_t *a, const hwk_thumb_t *b) {
  return a->base >= 0 && a->base == b->base && (((a->offset ^ b->offset) >> 2) & 1) == 0;
}

static bool pairs(const hwk_thumb_t *older, const hwk_thumb_t *op) {
  if (older->bytes == 0 || alone(older) || alone(op) || lanes(op)) {
    return false;
  }
  const bool shifts = older->kind == HWK_SHIFTED || older->kind == HWK_SHIFT || lanes(older);
  if (shifts && op->kind == HWK_SHIFTED) {
    return false;
  }
  const bool products = older->kind == HWK_MULTIPLY, stores = older->kind == HWK_STORE;
  if ((products || stores) && (op->kind == HWK_MULTIPLY || op->kind == HWK_STORE)) {
    return false;
  }
  if (older->kind == HWK_FLOAT && op->kind == HWK_FLOAT) {
    return false;
  }
  return !(loads(older) && loads(op) && same_bank(older, op));
}

static uint32_t occupies(const hwk_thumb_t *op) {
  return op->kind == HWK_MULTIPLE ? (op->count + 1u) / 2u
         : op->kind == HWK_DIVIDE ? DIVIDE_CYCLES
         : op->kind == HWK_SYSTEM ? 3u
                                  : 1u;
}

static void write(core_t *core, const hwk_thumb_t *op, uint32_t begun, bool is_older, bool early) {
  uint32_t word = 0;
  for (uint32_t r = 0; r < 15u; r++) {
    if ((op->writes >> r & 1u) == 0) {
      continue;
    }
    const bool address = (op->early >> r & 1u) != 0 && (loads(op) || op->kind == HWK_STORE);
    const bool slow =
        op->kind == HWK_MULTIPLY || op->kind == HWK_LOAD_PART || op->kind == HWK_FLOAT;
    const bool at_once = address || (op->quick && is_older && early);
    const bool loaded = op->kind == HWK_LOAD && !address;
    uint32_t after = at_once ? 0u : slow ? 2u : 1u;
    if (op->kind == HWK_MULTIPLE && op->loads && (op->early >> r & 1u) == 0) {
      after = 1u + word++ / 2u;
    } else if (op->kind == HWK_DIVIDE) {
      after = DIVIDE_CYCLES;
    }
    core->ready[r] = begun + after;
    core->word[r] = loaded ? begun + 1u : 0u;
  }
}

hwk_cost_t hwk_cortex_m7_cost(const uint8_t *code, uint32_t size_bytes) {
  core_t core = {.cycle = START};
  hwk_cost_t total = {0, 0, 0, 0};
  uint32_t free = START; /* the first cycle that nothing has */
  for (uint32_t at = 0; at < size_bytes;) {
    const hwk_thumb_t op = hwk_thumb(code + at, size_bytes - at);
    if (op.bytes == 0) {
      break;
    }
    at += op.bytes;
    total.instructions++;
    total.conditional = op.conditional;
    const uint32_t from = begins(&core, &op);
    const bool younger = pairs(&core.older, &op) && from <= core.cycle;
    if (!younger) {
      core.cycle = later(free, from);
      free = core.cycle + occupies(&op);
    }
    write(&core, &op, core.cycle, !younger, from < core.cycle);
    core.older = op;
    core.older.bytes = younger ? 0 : op.bytes;
  }
  total.cycles = free - START;
  return total;
}
