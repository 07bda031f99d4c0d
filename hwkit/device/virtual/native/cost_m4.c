#include "cost.h"

#include <stdbool.h>

/* Encodings: "Armv7-M Architecture Reference Manual" (DDI 0403), chapter A5 (tables A5-1 to
 * A5-30) and A6. */

#define DIVIDE_CYCLES 7u
#define REFILL_CYCLES 2u
#define FLOAT_DIVIDE_CYCLES 14u
#define FLOAT_MULTIPLY_ADD_CYCLES 3u

typedef struct {
  uint32_t cycles;
  bool single_load;
} cost_t;

static const cost_t one_cycle = {1, false};

static cost_t cycles(uint32_t count) { return (cost_t){count, false}; }

/* 2 cycles; the second overlaps with the next load's first. */
static cost_t single_load(bool after_load) { return (cost_t){after_load ? 1 : 2, true}; }

static uint32_t ones(uint32_t bits) {
  uint32_t count = 0;
  for (; bits != 0; bits &= bits - 1u) {
    count++;
  }
  return count;
}

/* A5.2: 16-bit instructions. */
static cost_t cost_16(uint32_t op, bool after_load) {
  if ((op >> 11) == 0x09) { /* LDR literal */
    return single_load(after_load);
  }
  if ((op >> 12) == 0x5) { /* register offset; opB 0 to 2 store */
    return ((op >> 9) & 7u) >= 3u ? single_load(after_load) : one_cycle;
  }
  if ((op >> 12) >= 0x6 && (op >> 12) <= 0x9) { /* immediate offset; bit 11 loads */
    return (op & 0x0800u) != 0 ? single_load(after_load) : one_cycle;
  }
  if ((op & 0xF600u) == 0xB400u) { /* PUSH, POP; bit 8 is LR or PC */
    return cycles(1u + ones(op & 0x1FFu));
  }
  if ((op >> 12) == 0xC) { /* STM, LDM */
    return cycles(1u + ones(op & 0xFFu));
  }
  return one_cycle;
}

/* A6.4 to A6.7: the floating-point extension. */
static cost_t cost_float(uint32_t first, uint32_t second) {
  if ((first & 0x0F00u) == 0x0E00u) {
    if ((second & 0x0010u) != 0) { /* moves between the register files */
      return one_cycle;
    }
    const uint32_t op = (first >> 4) & 0xBu; /* opc1 without the D bit */
    const uint32_t op2 = first & 0xFu;
    if (op == 0x8) { /* VDIV */
      return cycles(FLOAT_DIVIDE_CYCLES);
    }
    if (op == 0xB) { /* VSQRT is opc2 1 with both opc3 bits set */
      return cycles(op2 == 1 && (second & 0x00C0u) == 0x00C0u ? FLOAT_DIVIDE_CYCLES : 1);
    }
    const bool multiply_add = op == 0x0 || op == 0x1 || op == 0x9 || op == 0xA;
    return cycles(multiply_add ? FLOAT_MULTIPLY_ADD_CYCLES : 1);
  }
  if ((first & 0x0FE0u) == 0x0C40u) { /* VMOV with two core registers */
    return cycles(2);
  }
  if ((first & 0x0120u) == 0x0100u) { /* VLDR, VSTR */
    return cycles(2);
  }
  return cycles(1u + (second & 0xFFu)); /* VLDM, VSTM, VPUSH, VPOP: words in the low byte */
}

/* Table A5-9, op1 = 01: load and store multiple, dual, exclusive, table branch. */
static cost_t cost_32_multiple(uint32_t first, uint32_t second) {
  if ((first & 0x0040u) == 0) {
    return cycles(1u + ones(second));
  }
  if ((first & 0xFFF0u) == 0xE8D0u && (second & 0x00E0u) == 0x0000u) { /* TBB, TBH */
    return cycles(2);
  }
  if ((first & 0x0120u) == 0) { /* LDREX, STREX and their like */
    return cycles(2);
  }
  return cycles(3); /* LDRD, STRD: 1 + N */
}

/* Table A5-9, op1 = 11: single loads and stores, register operations, multiply, divide. */
static cost_t cost_32_single(uint32_t first, bool after_load) {
  const uint32_t op = (first >> 4) & 0x7Fu;
  if ((op & 0x71u) == 0x00) {
    return one_cycle; /* stores: the write buffer hides the second cycle */
  }
  if ((op & 0x60u) == 0x00) {
    return single_load(after_load);
  }
  if (op == 0x39 || op == 0x3B) { /* SDIV, UDIV */
    return cycles(DIVIDE_CYCLES);
  }
  return one_cycle;
}

static cost_t cost_32(uint32_t first, uint32_t second, bool after_load) {
  const bool coprocessor = (first & 0x0C00u) == 0x0C00u;
  if (coprocessor && (second & 0x0E00u) == 0x0A00u) {
    return cost_float(first, second);
  }
  switch ((first >> 11) & 3u) {
    case 1:
      return (first & 0x0600u) == 0 ? cost_32_multiple(first, second) : one_cycle;
    case 2: {
      const uint32_t op = first & 0xFFE0u; /* MSR, MRS */
      const bool special_register =
          (second & 0xD000u) == 0x8000u && (op == 0xF380u || op == 0xF3E0u);
      return special_register ? cycles(2) : one_cycle;
    }
    default:
      return cost_32_single(first, after_load);
  }
}

hwk_cost_t hwk_cortex_m4_cost(const uint8_t *code, uint32_t size_bytes) {
  hwk_cost_t total = {0, 0, REFILL_CYCLES, 0};
  bool after_load = false;
  for (uint32_t at = 0; at + 2u <= size_bytes;) {
    const uint32_t first = code[at] | (uint32_t)code[at + 1] << 8;
    cost_t cost;
    if ((first >> 11) < 0x1D) {
      cost = cost_16(first, after_load);
      at += 2u;
    } else if (at + 4u <= size_bytes) {
      cost = cost_32(first, code[at + 2] | (uint32_t)code[at + 3] << 8, after_load);
      at += 4u;
    } else {
      break;
    }
    total.instructions++;
    total.cycles += cost.cycles;
    after_load = cost.single_load;
  }
  return total;
}
