#include "cost.h"

#include <stdbool.h>

/* RV32IMAC, one instruction a cycle at most.
 *
 * E31: "SiFive FE310-G000 Manual" (v3p2), 3.2 and 3.3: a word is there after 2 cycles, a byte or
 * halfword and a special register after 3, a product after 5, for which the multiplier is busy; a
 * quotient after 2 to 33, taken as 18. A branch that is predicted costs nothing more, else 3.
 *
 * Hazard3: "RP2350 Datasheet" (2025), 3.8.7: a loaded integer is there after 2 cycles, at once for a
 * store; products 1, quotients 18, jumps 2; one more for a target of 32 bits that is not aligned
 * (see board.c). */

typedef enum { PLAIN, LOAD, LOAD_PART, STORE, PRODUCT, QUOTIENT, BRANCH, JUMP, SPECIAL } kind_t;

/* Registers by number, 0 for none: x0 is never waited for. */
typedef struct {
  uint8_t bytes;
  kind_t kind;
  uint8_t writes;
  uint8_t reads[2];
  uint8_t stored;
} op_t;

static uint8_t field(uint32_t word, uint32_t at) { return (uint8_t)(word >> at & 31u); }

static uint8_t compact(uint32_t word, uint32_t at) { return (uint8_t)(8u + (word >> at & 7u)); }

/* "The RISC-V Instruction Set Manual, Volume I" (20191213), chapter 24. */
static op_t wide(uint32_t word) {
  const uint8_t d = field(word, 7), s1 = field(word, 15), s2 = field(word, 20);
  switch (word & 0x7Fu) {
    case 0x03:
      return (op_t){4, (word >> 12 & 7u) == 2 ? LOAD : LOAD_PART, d, {s1, 0}, 0};
    case 0x23:
      return (op_t){4, STORE, 0, {s1, 0}, s2};
    case 0x13:
      return (op_t){4, PLAIN, d, {s1, 0}, 0};
    case 0x17:
    case 0x37:
      return (op_t){4, PLAIN, d, {0, 0}, 0};
    case 0x33:
      if (word >> 25 == 1) {
        return (op_t){4, (word >> 14 & 1u) != 0 ? QUOTIENT : PRODUCT, d, {s1, s2}, 0};
      }
      return (op_t){4, PLAIN, d, {s1, s2}, 0};
    case 0x2F:
      return (op_t){4, LOAD, d, {s1, s2}, 0};
    case 0x63:
      return (op_t){4, BRANCH, 0, {s1, s2}, 0};
    case 0x67:
      return (op_t){4, JUMP, d, {s1, 0}, 0};
    case 0x6F:
      return (op_t){4, JUMP, d, {0, 0}, 0};
    default:
      return (op_t){4, SPECIAL, d, {s1, 0}, 0};
  }
}

/* Chapter 16: compressed instructions, by quadrant and the highest three bits. */
static op_t narrow(uint32_t word) {
  const uint32_t what = (word & 3u) << 3 | word >> 13;
  const uint8_t d = field(word, 7), s2 = field(word, 2);
  const uint8_t d_ = compact(word, 2), s1_ = compact(word, 7);
  switch (what) {
    case 0x00: /* C.ADDI4SPN */
      return (op_t){2, PLAIN, d_, {2, 0}, 0};
    case 0x02:
      return (op_t){2, LOAD, d_, {s1_, 0}, 0};
    case 0x06:
      return (op_t){2, STORE, 0, {s1_, 0}, d_};
    case 0x08: /* C.ADDI */
      return (op_t){2, PLAIN, d, {d, 0}, 0};
    case 0x09: /* C.JAL */
      return (op_t){2, JUMP, 1, {0, 0}, 0};
    case 0x0A: /* C.LI */
      return (op_t){2, PLAIN, d, {0, 0}, 0};
    case 0x0B: /* C.LUI, C.ADDI16SP */
      return (op_t){2, PLAIN, d, {(uint8_t)(d == 2 ? 2 : 0), 0}, 0};
    case 0x0C: /* shifts, C.ANDI; of registers */
      return (op_t){2, PLAIN, s1_, {s1_, (uint8_t)((word >> 10 & 3u) == 3 ? d_ : 0)}, 0};
    case 0x0D: /* C.J */
      return (op_t){2, JUMP, 0, {0, 0}, 0};
    case 0x0E:
    case 0x0F: /* C.BEQZ, C.BNEZ */
      return (op_t){2, BRANCH, 0, {s1_, 0}, 0};
    case 0x10: /* C.SLLI */
      return (op_t){2, PLAIN, d, {d, 0}, 0};
    case 0x12: /* C.LWSP */
      return (op_t){2, LOAD, d, {2, 0}, 0};
    case 0x14:
      if (s2 == 0) { /* C.JR, C.JALR, C.EBREAK */
        const bool links = (word >> 12 & 1u) != 0;
        return (op_t){2, d == 0 ? SPECIAL : JUMP, (uint8_t)(links ? 1 : 0), {d, 0}, 0};
      }
      return (op_t){2, PLAIN, d, {s2, (uint8_t)((word >> 12 & 1u) != 0 ? d : 0)}, 0};
    case 0x16: /* C.SWSP */
      return (op_t){2, STORE, 0, {2, 0}, s2};
    default:
      return (op_t){2, SPECIAL, 0, {0, 0}, 0};
  }
}

static op_t decoded(const uint8_t *code, uint32_t size_bytes) {
  const uint32_t low = size_bytes < 2u ? 0 : code[0] | (uint32_t)code[1] << 8;
  if ((low & 3u) != 3u) {
    return size_bytes < 2u ? (op_t){.bytes = 0} : narrow(low);
  }
  return size_bytes < 4u ? (op_t){.bytes = 0}
                         : wide(low | (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24);
}

/* After how many cycles a result is there, by kind; `busy` as long nothing else begins, or no other
 * product; `stored` whether data to be stored is waited for. */
typedef struct {
  uint32_t latency[SPECIAL + 1];
  uint32_t quotient;
  bool one_product;
  bool stored;
  uint32_t jump;
} pipeline_t;

static const pipeline_t e31 = {{1, 2, 3, 1, 5, 18, 1, 1, 3}, 18, true, true, 0};
static const pipeline_t hazard3 = {{1, 2, 2, 1, 1, 18, 1, 1, 1}, 18, false, false, 1};

static uint32_t later(uint32_t a, uint32_t b) { return a > b ? a : b; }

static hwk_cost_t cost(const pipeline_t *pipeline, const uint8_t *code, uint32_t size_bytes) {
  uint32_t ready[32] = {0}, next = 0, multiplier = 0;
  hwk_cost_t total = {0, 0, 0, 0};
  for (uint32_t at = 0; at < size_bytes;) {
    const op_t op = decoded(code + at, size_bytes - at);
    if (op.bytes == 0) {
      break;
    }
    at += op.bytes;
    total.instructions++;
    uint32_t begun = later(next, later(ready[op.reads[0]], ready[op.reads[1]]));
    if (pipeline->stored) { /* write after write waits too */
      begun = later(begun, later(ready[op.stored], op.writes != 0 ? ready[op.writes] : 0));
    }
    if (op.kind == PRODUCT && pipeline->one_product) {
      begun = later(begun, multiplier);
      multiplier = begun + pipeline->latency[PRODUCT];
    }
    if (op.writes != 0) {
      ready[op.writes] = begun + pipeline->latency[op.kind];
    }
    next = begun + (op.kind == QUOTIENT ? pipeline->quotient : 1u);
    total.conditional = op.kind == BRANCH;
    total.taken_cycles = op.kind == JUMP ? pipeline->jump : 0;
  }
  total.cycles = next;
  return total;
}

hwk_cost_t hwk_e31_cost(const uint8_t *code, uint32_t size_bytes) {
  return cost(&e31, code, size_bytes);
}

hwk_cost_t hwk_hazard3_cost(const uint8_t *code, uint32_t size_bytes) {
  return cost(&hazard3, code, size_bytes);
}
