#include "thumb.h"

/* DDI 0403, A5.2: 16-bit instructions. */

#define STACK 13u
#define LINK 14u
#define FIRST_WIDE 0x1Du

static uint16_t bit(uint32_t number) { return (uint16_t)(1u << (number & 15u)); }

uint32_t hwk_ones(uint32_t bits) {
  uint32_t count = 0;
  for (; bits != 0; bits &= bits - 1u) {
    count++;
  }
  return count;
}

static hwk_thumb_t made(hwk_kind_t kind, uint32_t reads, uint32_t writes) {
  return (hwk_thumb_t){.bytes = 2,
                       .kind = (uint8_t)kind,
                       .reads = (uint16_t)reads,
                       .writes = (uint16_t)writes,
                       .base = -1,
                       .companion = kind == HWK_BRANCH || kind == HWK_NOP || kind == HWK_IT ||
                                    kind == HWK_EXTEND};
}

static hwk_thumb_t added(hwk_thumb_t op) {
  op.quick = true;
  return op;
}

/* A5.2.1: shift, add, subtract, move and compare. */
static hwk_thumb_t immediate(uint32_t op) {
  const uint32_t d = bit(op & 7u), n = bit((op >> 3) & 7u), wide = bit((op >> 8) & 7u);
  hwk_thumb_t out;
  if (op < 0x1800u) { /* a shift by 0 is a move */
    out = made((op & 0xFFC0u) != 0 ? HWK_SHIFT : HWK_SIMPLE, n, d);
  } else if (op < 0x2000u) {
    const bool constant = (op & 0x0400u) != 0;
    out = made(HWK_SIMPLE, constant ? n : n | bit((op >> 6) & 7u), d);
    out.companion = constant;
  } else {
    const uint32_t what = (op >> 11) & 3u; /* move, compare, add, subtract */
    out = made(HWK_SIMPLE, what == 0 ? 0 : wide, what == 1 ? 0 : wide);
    out.companion = what != 1;
  }
  out.flags = true;
  out.quick = out.writes != 0;
  return out;
}

/* A5.2.2: data processing. */
static hwk_thumb_t data_processing(uint32_t op) {
  const uint32_t what = (op >> 6) & 15u, d = bit(op & 7u), m = bit((op >> 3) & 7u);
  const bool shifts = (what >= 2u && what <= 4u) || what == 7u;
  const bool compares = what == 8u || what == 10u || what == 11u;
  const bool one = what == 9u || what == 15u; /* RSB from 0, MVN */
  hwk_thumb_t out = made(shifts        ? HWK_SHIFT
                         : what == 13u ? HWK_MULTIPLY
                                       : HWK_SIMPLE,
                         one ? m : d | m, compares ? 0 : d);
  out.flags = true;
  out.quick = shifts || what == 9u;
  return out;
}

/* A5.2.3: high registers, BX and BLX. */
static hwk_thumb_t special(uint32_t op) {
  const uint32_t what = (op >> 8) & 3u;
  const uint32_t d = bit((op & 7u) | ((op >> 4) & 8u)), m = bit((op >> 3) & 15u);
  if (what == 3) {
    return made(HWK_BRANCH, m, (op & 0x80u) != 0 ? bit(LINK) : 0);
  }
  hwk_thumb_t out = made((d & 0x8000u) != 0 && what != 1 ? HWK_BRANCH : HWK_SIMPLE,
                         what == 2 ? m : d | m, what == 1 ? 0 : d);
  out.flags = what == 1;
  out.companion = what == 2;
  out.quick = what != 1;
  return out;
}

static hwk_thumb_t access(bool loads, uint32_t bytes, uint32_t t, uint32_t n, int32_t offset) {
  const hwk_kind_t kind = !loads ? HWK_STORE : bytes == 4 ? HWK_LOAD : HWK_LOAD_PART;
  hwk_thumb_t out = made(kind, bit(n), loads ? bit(t) : 0);
  out.early = out.reads;
  out.base = (int8_t)n;
  out.offset = offset;
  return out;
}

/* A5.2.4: single loads and stores. */
static hwk_thumb_t single(uint32_t op) {
  const uint32_t t = op & 7u, n = (op >> 3) & 7u, index = (op >> 6) & 31u;
  const bool loads = (op & 0x0800u) != 0;
  if ((op >> 12) == 5) { /* STR STRH STRB LDRSB LDR LDRH LDRB LDRSH */
    static const uint8_t sizes[8] = {4, 2, 1, 1, 4, 2, 1, 2};
    const uint32_t what = (op >> 9) & 7u;
    hwk_thumb_t out = access(what >= 3, sizes[what], t, n, 0);
    out.early = out.reads = (uint16_t)(out.reads | bit(op >> 6 & 7u));
    out.base = -1;
    return out;
  }
  if ((op >> 12) == 9) {
    return access(loads, 4, (op >> 8) & 7u, STACK, (int32_t)(4u * (op & 0xFFu)));
  }
  const uint32_t bytes = (op >> 12) == 6 ? 4 : (op >> 12) == 7 ? 1 : 2;
  return access(loads, bytes, t, n, (int32_t)(index * bytes));
}

static hwk_thumb_t multiple(bool loads, uint32_t base, uint32_t list) {
  hwk_thumb_t out = made(HWK_MULTIPLE, bit(base), loads ? list | bit(base) : bit(base));
  out.early = out.reads;
  out.loads = loads;
  out.count = (uint8_t)hwk_ones(list);
  return out;
}

/* A5.2.5: miscellaneous. */
static hwk_thumb_t miscellaneous(uint32_t op) {
  const uint32_t d = bit(op & 7u), m = bit((op >> 3) & 7u);
  if ((op & 0xF500u) == 0xB100u) { /* CBZ, CBNZ */
    hwk_thumb_t out = made(HWK_BRANCH, d, 0);
    out.conditional = true;
    return out;
  }
  switch ((op >> 8) & 15u) {
    case 0x0:
      return added(made(HWK_SIMPLE, bit(STACK), bit(STACK)));
    case 0x2:
    case 0xA:
      return made(HWK_EXTEND, m, d);
    case 0x4:
    case 0x5:
      return multiple(false, STACK, (op & 0xFFu) | ((op & 0x100u) != 0 ? bit(LINK) : 0));
    case 0xC:
    case 0xD:
      return multiple(true, STACK, (op & 0xFFu) | ((op & 0x100u) != 0 ? 0x8000u : 0));
    case 0xF:
      return made((op & 15u) != 0 ? HWK_IT : HWK_NOP, 0, 0);
    default:
      return made(HWK_SYSTEM, 0, 0);
  }
}

hwk_thumb_t hwk_thumb_narrow(uint32_t op) {
  switch (op >> 12) {
    case 0x0:
    case 0x1:
    case 0x2:
    case 0x3:
      return immediate(op);
    case 0x4:
      if ((op & 0x0800u) != 0) { /* LDR from the literal pool */
        hwk_thumb_t out = made(HWK_LOAD, 0, bit((op >> 8) & 7u));
        out.base = 15;
        out.offset = (int32_t)(4u * (op & 0xFFu));
        return out;
      }
      return (op & 0x0400u) != 0 ? special(op) : data_processing(op);
    case 0x5:
    case 0x6:
    case 0x7:
    case 0x8:
    case 0x9:
      return single(op);
    case 0xA:
      return added(made(HWK_SIMPLE, (op & 0x0800u) != 0 ? bit(STACK) : 0, bit((op >> 8) & 7u)));
    case 0xB:
      return miscellaneous(op);
    case 0xC:
      return multiple((op & 0x0800u) != 0, (op >> 8) & 7u, op & 0xFFu);
    default: {
      hwk_thumb_t out = made(HWK_BRANCH, 0, 0);
      out.conditional = (op >> 12) == 0xD;
      return out;
    }
  }
}

hwk_thumb_t hwk_thumb(const uint8_t *code, uint32_t size_bytes) {
  if (size_bytes < 2u) {
    return (hwk_thumb_t){.bytes = 0};
  }
  const uint32_t first = code[0] | (uint32_t)code[1] << 8;
  if ((first >> 11) < FIRST_WIDE) {
    return hwk_thumb_narrow(first);
  }
  if (size_bytes < 4u) {
    return (hwk_thumb_t){.bytes = 0};
  }
  const uint32_t second = code[2] | (uint32_t)code[3] << 8;
  const bool coprocessor = (first & 0xEC00u) == 0xEC00u;
  return coprocessor ? hwk_thumb_coprocessor(first, second) : hwk_thumb_wide(first, second);
}
