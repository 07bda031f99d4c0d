#include "thumb.h"

/* The coprocessor's space: DDI 0403, A6 (floating point); DDI 0553, C2.4 (vectors, "MVE"). Which
 * pipe takes a vector instruction and how late its result is there: cost_v8m.h. */

static uint16_t bit(uint32_t number) { return (uint16_t)(1u << (number & 15u)); }

static uint8_t vector(uint32_t number) { return (uint8_t)(1u << (number & 7u)); }

static hwk_thumb_t made(hwk_kind_t kind) {
  return (hwk_thumb_t){.bytes = 4, .kind = (uint8_t)kind, .base = -1, .vector_latency = 1};
}

/* A6.5 to A6.7: moves between the register files, loads and stores. */
static hwk_thumb_t floating(uint32_t first, uint32_t second) {
  hwk_thumb_t out = made(HWK_FLOAT);
  const uint32_t t = bit(second >> 12);
  const bool to_core = (first & 0x10u) != 0;
  if ((first & 0x0F00u) == 0x0E00u) {
    if ((second & 0x10u) != 0) {
      out.writes = (uint16_t)(to_core ? t & 0x7FFFu : 0); /* to the flags, as register 15 */
      out.reads = (uint16_t)(to_core ? 0 : t);
    }
    return out;
  }
  if ((first & 0x0FE0u) == 0x0C40u) { /* two registers at once */
    const uint32_t both = t | bit(first);
    out.writes = (uint16_t)(to_core ? both : 0);
    out.reads = (uint16_t)(to_core ? 0 : both);
    return out;
  }
  out.reads = out.early = bit(first);
  out.loads = to_core;
  if ((first & 0x0120u) == 0x0100u) { /* VLDR, VSTR */
    out.kind = to_core ? HWK_LOAD : HWK_STORE;
    out.base = (int8_t)(first & 15u);
    out.offset = (int32_t)(4u * (second & 0xFFu)) * ((first & 0x80u) != 0 ? 1 : -1);
    return out;
  }
  out.kind = HWK_MULTIPLE;
  out.count = (uint8_t)(second & 0xFFu);
  out.writes = (first & 0x20u) != 0 ? bit(first) : 0;
  return out;
}

/* Loads, stores, gathers, and moves of two lanes. */
static hwk_thumb_t memory(uint32_t first, uint32_t second) {
  const uint8_t d = vector(second >> 13);
  const bool loads = (first & 0x10u) != 0;
  if ((first & 0xFFE0u) == 0xEC00u) {
    hwk_thumb_t out = made(loads ? HWK_VECTOR_INTEGER : HWK_VECTOR_MULTIPLY);
    const uint32_t both = bit(first) | bit(second);
    out.reads = (uint16_t)(loads ? both : 0);
    out.writes = (uint16_t)(loads ? 0 : both);
    out.vector_reads = d;
    out.vector_writes = loads ? d : 0;
    return out;
  }
  hwk_thumb_t out = made(HWK_VECTOR_MEMORY);
  const bool lanes = (first & 0x1000u) != 0, by_vectors = lanes && (first & 0x0100u) != 0;
  const bool gathers = (first & 0x0120u) == 0 && (second & 0x1000u) == 0;
  out.loads = loads;
  out.reads = by_vectors ? 0 : bit((second & 0x1000u) != 0 || gathers ? first : first & 7u);
  out.early = out.reads;
  out.writes = !by_vectors && (first & 0x20u) != 0 ? out.reads : 0;
  out.vector_reads = loads ? 0 : d;
  out.vector_writes = loads ? d : 0;
  if (by_vectors) {
    out.vector_reads |= vector(first >> 1);
  } else if (gathers) {
    out.vector_reads |= vector(second >> 1);
  }
  out.vector_latency = gathers || by_vectors ? 2 : 1;
  return out;
}

/* EF, FF: two or three vectors; shifts by constants and constants where bit 7 is set. */
static hwk_thumb_t vectors(uint32_t first, uint32_t second) {
  const uint32_t what = second & 0x0F50u;
  const bool constants = (first & 0x0080u) != 0, third = !constants;
  const bool multiplies =
      third && (what == 0x0950u || (what & 0x0F10u) == 0x0B00u || what >= 0x0C00u);
  const bool none = (first & 0xEFB8u) == 0xEF80u && (second & 0x0090u) == 0x0010u;
  hwk_thumb_t out = made(multiplies ? HWK_VECTOR_MULTIPLY : HWK_VECTOR_INTEGER);
  out.vector_reads = (uint8_t)((none ? 0 : vector(second >> 1)) | (third ? vector(first >> 1) : 0));
  out.vector_writes = vector(second >> 13);
  const bool rounds = third ? (second & 0x0F00u) == 0x0500u : (second & 0x0F00u) == 0x0200u;
  out.vector_latency = multiplies || rounds ? 2 : 1;
  return out;
}

/* EE, FE, sums over lanes into a register, and others with bit 7 set. */
static hwk_thumb_t across(uint32_t first, uint32_t second) {
  const bool narrows = (second & 0x0F41u) == 0x0F41u; /* shifts into halves */
  const bool widens = (second & 0x0F41u) == 0x0F40u;
  hwk_thumb_t out = made(HWK_VECTOR_INTEGER);
  out.vector_reads = vector(second >> 1);
  if (narrows || widens) {
    out.vector_writes = vector(second >> 13);
    out.vector_latency = narrows ? 3 : 1;
    return out;
  }
  const bool single = (first & 0x0060u) == 0x0060u, extreme = (first & 0x00F0u) == 0x00E0u;
  const bool differences = (second & 1u) != 0;
  out.kind = extreme || differences ? HWK_VECTOR_INTEGER : HWK_VECTOR_MULTIPLY;
  out.vector_reads |= extreme ? 0 : vector(first >> 1);
  out.vector_latency = 2;
  const uint32_t low = bit(second >> 12 & 14u), both = low | bit((first >> 4 & 14u) | 1u);
  out.writes = (uint16_t)(single || differences ? low : both);
  if ((second & 0x20u) != 0 || extreme || differences) {
    out.late = out.writes;
  }
  out.reads = out.late;
  return out;
}

/* EE, FE with bit 7 clear: one of the operands may be a register; products of halves; compares. */
static hwk_thumb_t mixed(uint32_t first, uint32_t second) {
  const bool scalar = (second & 0x0040u) != 0, whole = (first & 0x0030u) != 0x0030u;
  hwk_thumb_t out = made(HWK_VECTOR_INTEGER);
  out.vector_reads = (uint8_t)(vector(first >> 1) | (scalar ? 0 : vector(second >> 1)));
  out.reads = scalar ? bit(second) : 0;
  out.vector_writes = vector(second >> 13);
  if ((first & 0xFFFFu) == 0xFE71u && second == 0x0F4Du) { /* VPST */
    return made(HWK_VECTOR_CONTROL);
  }
  if ((first & 0xFF81u) == 0xFE01u && (second & 0x1F00u) == 0x1F00u) { /* VCMP, VPT */
    out.kind = HWK_VECTOR_MULTIPLY;
    out.vector_writes = 0;
    return out;
  }
  const bool product = (second & 0x0F00u) == 0x0E00u && whole;
  if (product || (second & 0x0F51u) == 0x0F01u) {
    const bool doubled = (first & 0x1000u) == 0; /* VQDMULL; VPSEL has bit 12 set */
    out.kind = product || doubled ? HWK_VECTOR_MULTIPLY : HWK_VECTOR_INTEGER;
    out.vector_latency = product || doubled ? 2 : 1;
    out.vector_reads |= product && scalar ? out.vector_writes : 0;
  } else if ((second & 0x0F40u) == 0x0E00u) { /* VMOVN, VQMOVN: one half stays */
    out.vector_reads = (uint8_t)(vector(second >> 1) | out.vector_writes);
    out.vector_latency = 3;
  } else if (!whole && (second & 0x0F40u) == 0x0E40u) { /* shifts by a register, in place */
    out.vector_reads = out.vector_writes;
    out.vector_latency = (first & 0x0008u) != 0 || (second & 0x80u) != 0 ? 2 : 1;
  }
  return out;
}

hwk_thumb_t hwk_thumb_coprocessor(uint32_t first, uint32_t second) {
  const uint32_t number = (second >> 8) & 15u, top = (first >> 8) & 0xEFu;
  if (top == 0xEFu) {
    return vectors(first, second);
  }
  if (number == 10 || number == 11) {
    const bool lanes = (first & 0xFF00u) == 0xEE00u && (second & 0x0F1Fu) == 0x0B10u;
    hwk_thumb_t out = floating(first, second);
    if (lanes) { /* VDUP, VMOV of a lane */
      const bool to_core = out.writes != 0;
      out.kind = to_core ? HWK_VECTOR_MULTIPLY : HWK_VECTOR_INTEGER;
      out.vector_reads = to_core ? vector(first >> 1) : 0;
      out.vector_writes = to_core ? 0 : vector(first >> 1);
    }
    return out;
  }
  if ((second & 0x0E00u) != 0x0E00u) {
    return made(HWK_SYSTEM);
  }
  if (top == 0xEEu) {
    return (first & 0x0080u) != 0 ? across(first, second) : mixed(first, second);
  }
  return memory(first, second);
}
