#include "thumb.h"

/* DDI 0403, A5.3: 32-bit instructions but the coprocessor's. */

#define NONE 15u /* as an operand's number: there is none */
#define LINK 14u

static uint16_t bit(uint32_t number) {
  return number == NONE ? 0 : (uint16_t)(1u << (number & 15u));
}

static hwk_thumb_t made(hwk_kind_t kind, uint32_t reads, uint32_t writes) {
  return (hwk_thumb_t){.bytes = 4,
                       .kind = (uint8_t)kind,
                       .reads = (uint16_t)reads,
                       .writes = (uint16_t)writes,
                       .base = -1};
}

/* A5.3.5: load and store multiple; A5.3.6: dual, exclusive, table branch. */
static hwk_thumb_t multiple(uint32_t first, uint32_t second) {
  const uint32_t n = first & 15u;
  const bool loads = (first & 0x10u) != 0, writes_back = (first & 0x20u) != 0;
  hwk_thumb_t out = made(HWK_MULTIPLE, bit(n), 0);
  out.early = out.reads;
  out.loads = loads;
  if ((first & 0x0040u) == 0) {
    out.count = (uint8_t)hwk_ones(second);
    out.writes = (uint16_t)((loads ? second : 0) | (writes_back ? bit(n) : 0));
    return out;
  }
  if ((first & 0x0120u) != 0) { /* LDRD, STRD */
    out.count = 2;
    const uint32_t both = bit(second >> 12) | bit((second >> 8) & 15u);
    out.writes = (uint16_t)((loads ? both : 0) | (writes_back ? bit(n) : 0));
    return out;
  }
  if ((first & 0xFFF0u) == 0xE8D0u && (second & 0x00E0u) == 0x0000u) { /* TBB, TBH */
    out.kind = HWK_BRANCH;
    out.reads = out.early = (uint16_t)(bit(n) | bit(second & 15u));
    return out;
  }
  out.kind = loads ? HWK_LOAD : HWK_STORE; /* exclusive */
  out.writes = loads ? bit(second >> 12) : bit(second & 15u);
  return out;
}

/* A5.3.11: data processing with a register that may be shifted. */
static hwk_thumb_t shifted_register(uint32_t first, uint32_t second) {
  const uint32_t what = (first >> 5) & 15u, n = first & 15u, m = second & 15u;
  const uint32_t d = (second >> 8) & 15u;
  const bool shifts = (second & 0x70F0u) != 0, flags = (first & 0x10u) != 0;
  const bool only = n == NONE && (what == 2 || what == 3); /* MOV, shifts, MVN */
  hwk_kind_t kind = HWK_SIMPLE;
  if (what == 6) {
    kind = HWK_PACKED; /* PKHBT, PKHTB */
  } else if (shifts) {
    kind = only && what == 2 ? HWK_SHIFT : HWK_SHIFTED;
  }
  hwk_thumb_t out = made(kind, (only ? 0 : bit(n)) | bit(m), bit(d));
  out.early = kind == HWK_SHIFTED || kind == HWK_PACKED ? bit(m) : 0;
  out.flags = flags;
  out.quick = kind == HWK_SHIFT || (kind == HWK_SIMPLE && (only || what == 8 || what == 13));
  return out;
}

/* A5.3.1: data processing with a constant. Rotated ones are those of "modified immediate constants"
 * (A5.3.2) whose first five bits are 8 or more. */
static hwk_thumb_t modified_immediate(uint32_t first, uint32_t second) {
  const uint32_t what = (first >> 5) & 15u, n = first & 15u;
  const uint32_t rotation = (first >> 10 & 1u) << 4 | (second >> 12 & 7u) << 1 | (second >> 7 & 1u);
  const bool only = n == NONE && (what == 2 || what == 3);
  hwk_thumb_t out =
      made(rotation >= 8 ? HWK_SHIFTED : HWK_SIMPLE, only ? 0 : bit(n), bit((second >> 8) & 15u));
  out.flags = (first & 0x10u) != 0;
  out.quick = out.kind == HWK_SIMPLE && (only || what == 8 || what == 13);
  return out;
}

/* A5.3.3: ADDW, SUBW, MOVW, MOVT; saturation and fields. */
static hwk_thumb_t plain_immediate(uint32_t first, uint32_t second) {
  const uint32_t what = (first >> 4) & 31u, n = bit(first & 15u), d = bit((second >> 8) & 15u);
  if (what < 16) {
    hwk_thumb_t out = made(HWK_SIMPLE, what == 4 ? 0 : what == 12 ? d : n, d);
    out.quick = true;
    return out;
  }
  if (what == 22) { /* BFI, BFC */
    hwk_thumb_t out = made(HWK_EXTEND, n | d, d);
    out.early = (uint16_t)n;
    return out;
  }
  hwk_thumb_t out = made(HWK_PACKED, n, d);
  out.early = out.reads;
  return out;
}

/* Armv8.1-M: low-overhead loops and predicates of their tails (DDI 0553, C2.4). */
static hwk_thumb_t loop(uint32_t first, uint32_t second) {
  const uint32_t n = bit(first & 15u);
  if (second == 0xE801u) { /* VCTP */
    return made(HWK_VECTOR_CONTROL, n, 0);
  }
  const bool branches = (second & 0x2000u) == 0; /* LE to the start, WLS past the end */
  hwk_thumb_t out = made(!branches ? HWK_SIMPLE : n == 0 ? HWK_LOOP : HWK_BRANCH, n, bit(LINK));
  out.conditional = branches;
  return out;
}

/* A5.3.4: branches and control. */
static hwk_thumb_t control(uint32_t first, uint32_t second) {
  if ((second & 0xD001u) == 0xC001u && (first & 0xFF80u) == 0xF000u) {
    return loop(first, second);
  }
  const bool conditional = (second & 0xD000u) == 0x8000u && (first & 0x0380u) != 0x0380u;
  if ((second & 0xD000u) == 0x8000u && !conditional) { /* MSR, MRS, hints, barriers */
    return (first & 0xFFF0u) == 0xF3A0u && (second & 0xFFu) == 0 ? made(HWK_NOP, 0, 0)
                                                                 : made(HWK_SYSTEM, 0, 0);
  }
  hwk_thumb_t out = made(HWK_BRANCH, 0, (second & 0x4000u) != 0 ? bit(LINK) : 0);
  out.conditional = conditional;
  return out;
}

/* A5.3.7 to A5.3.10: single loads and stores. */
static hwk_thumb_t single(uint32_t first, uint32_t second) {
  const uint32_t n = first & 15u, t = second >> 12, bytes = 1u << ((first >> 5) & 3u);
  const bool loads = (first & 0x10u) != 0;
  if (loads && t == NONE && bytes != 4) {
    return made(HWK_NOP, bit(n), 0); /* preload hints */
  }
  hwk_thumb_t out = made(!loads       ? HWK_STORE
                         : bytes == 4 ? HWK_LOAD
                                      : HWK_LOAD_PART,
                         bit(n), loads ? bit(t) : 0);
  out.base = (int8_t)n;
  if (n == NONE || (first & 0x0080u) != 0) {
    out.offset = (int32_t)(second & 0xFFFu);
  } else if ((second & 0x0800u) != 0) { /* 8 bits, either sign; bit 8 writes back */
    const int32_t size = (int32_t)(second & 0xFFu);
    out.offset = (second & 0x0400u) == 0 ? 0 : (second & 0x0200u) != 0 ? size : -size;
    out.writes = (uint16_t)(out.writes | ((second & 0x0100u) != 0 ? bit(n) : 0));
  } else {
    out.reads = (uint16_t)(out.reads | bit(second & 15u));
    out.base = -1;
  }
  out.early = out.reads;
  return out;
}

/* A5.3.12 to A5.3.15: shifts by a register, extension, lanes, miscellaneous. */
static hwk_thumb_t of_registers(uint32_t first, uint32_t second) {
  const uint32_t what = (first >> 4) & 15u, n = bit(first & 15u), m = bit(second & 15u);
  const uint32_t d = bit((second >> 8) & 15u);
  if (what < 8 && (second & 0x80u) == 0) {
    hwk_thumb_t out = made(HWK_SHIFT, n | m, d);
    out.flags = (first & 0x10u) != 0;
    out.quick = true;
    return out;
  }
  if (what < 8) { /* extension, which may add */
    hwk_thumb_t out = made(n != 0 ? HWK_PACKED : HWK_EXTEND, n | m, d);
    out.early = (uint16_t)(n != 0 ? m : 0);
    return out;
  }
  const bool alone = (what == 9 || what == 11) && (second & 0xC0u) == 0x80u; /* REV, CLZ */
  return made(alone ? HWK_EXTEND : HWK_PACKED, n | m, d);
}

/* A5.3.16: multiplication; A5.3.17: of 64 bits, division. */
static hwk_thumb_t multiplication(uint32_t first, uint32_t second) {
  const uint32_t factors = bit(first & 15u) | bit(second & 15u);
  const uint32_t high = bit((second >> 8) & 15u), low = bit(second >> 12);
  const bool is_long = (first & 0x80u) != 0;
  if (is_long && (first & 0x0050u) == 0x0010u) {
    return made(HWK_DIVIDE, factors, high);
  }
  hwk_thumb_t out = made(HWK_MULTIPLY, factors, is_long ? high | low : high);
  const bool adds = is_long ? (first & 0x0040u) != 0 : low != 0;
  out.late = (uint16_t)(!adds ? 0 : is_long ? high | low : low);
  out.reads = (uint16_t)(out.reads | out.late);
  return out;
}

hwk_thumb_t hwk_thumb_wide(uint32_t first, uint32_t second) {
  switch ((first >> 11) & 3u) {
    case 1:
      return (first & 0x0600u) == 0 ? multiple(first, second) : shifted_register(first, second);
    case 2:
      if ((second & 0x8000u) != 0) {
        return control(first, second);
      }
      return (first & 0x0200u) == 0 ? modified_immediate(first, second)
                                    : plain_immediate(first, second);
    default:
      if ((first & 0x0600u) == 0) {
        return single(first, second);
      }
      return (first & 0x0100u) == 0 ? of_registers(first, second) : multiplication(first, second);
  }
}
