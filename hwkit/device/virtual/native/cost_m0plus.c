#include "cost.h"

/* Encodings: "Armv6-M Architecture Reference Manual" (DDI 0419), chapter A5. */

#define FIRST_OF_32_BITS 0x1Du
#define LOAD_STORE_CYCLES 2u
#define REFILL_CYCLES 1u
#define BRANCH_LINK_CYCLES 2u      /* 3 with the branch, which is always taken */
#define SPECIAL_REGISTER_CYCLES 3u /* and barriers */

static uint32_t ones(uint32_t bits) {
  uint32_t count = 0;
  for (; bits != 0; bits &= bits - 1u) {
    count++;
  }
  return count;
}

/* A5.2: 16-bit instructions. */
static uint32_t cycles_16(uint32_t op) {
  if ((op >> 11) == 0x09 || ((op >> 12) >= 0x5 && (op >> 12) <= 0x9)) { /* single load, store */
    return LOAD_STORE_CYCLES;
  }
  if ((op & 0xFF00u) == 0xBD00u) { /* POP with PC: 3 + N, of which the branch has 1 */
    return 2u + ones(op & 0x1FFu);
  }
  if ((op & 0xF600u) == 0xB400u) { /* PUSH, POP */
    return 1u + ones(op & 0x1FFu);
  }
  if ((op >> 12) == 0xC) { /* STM, LDM */
    return 1u + ones(op & 0xFFu);
  }
  return 1;
}

hwk_cost_t hwk_cortex_m0plus_cost(const uint8_t *code, uint32_t size_bytes) {
  hwk_cost_t total = {0, 0, REFILL_CYCLES, 0};
  for (uint32_t at = 0; at + 2u <= size_bytes;) {
    const uint32_t first = code[at] | (uint32_t)code[at + 1] << 8;
    if ((first >> 11) < FIRST_OF_32_BITS) {
      total.cycles += cycles_16(first);
      at += 2u;
    } else if (at + 4u <= size_bytes) { /* BL has bits 15, 14 and 12 of its second half set */
      const uint32_t second = code[at + 2] | (uint32_t)code[at + 3] << 8;
      total.cycles += (second & 0xD000u) == 0xD000u ? BRANCH_LINK_CYCLES : SPECIAL_REGISTER_CYCLES;
      at += 4u;
    } else {
      break;
    }
    total.instructions++;
  }
  return total;
}
