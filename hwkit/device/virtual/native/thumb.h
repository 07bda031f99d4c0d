/* One Thumb instruction as a pipeline sees it: what it is, what it reads and when, what it writes.
 *
 * "Armv7-M Architecture Reference Manual" (DDI 0403), A5 to A7; "Armv8-M" (DDI 0553), C2. */
#ifndef HWK_THUMB_H
#define HWK_THUMB_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  HWK_SIMPLE,   /* add, subtract, logic, compare, move */
  HWK_SHIFT,    /* a shift by itself */
  HWK_SHIFTED,  /* with a shifted register, or a constant that is rotated into its place */
  HWK_EXTEND,   /* sign and zero extension, reversal, count of zeros, insertion of a field */
  HWK_PACKED,   /* lanes, saturation, fields taken out, an extension that adds */
  HWK_MULTIPLY, /* also with accumulation */
  HWK_DIVIDE,
  HWK_LOAD,      /* of a word */
  HWK_LOAD_PART, /* of a byte or halfword */
  HWK_STORE,
  HWK_MULTIPLE, /* `count` words; a load if `loads` */
  HWK_BRANCH,
  HWK_LOOP, /* LE: to the loop's start without a branch */
  HWK_IT,
  HWK_NOP,
  HWK_FLOAT,  /* of the floating-point unit, moves to and from it included */
  HWK_SYSTEM, /* special registers and barriers */
  HWK_VECTOR_MEMORY,
  HWK_VECTOR_INTEGER,
  HWK_VECTOR_MULTIPLY,
  HWK_VECTOR_CONTROL
} hwk_kind_t;

/* bytes     2 or 4; 0 for code that is cut off
 * count     words of HWK_MULTIPLE
 * loads     whether HWK_MULTIPLE and HWK_VECTOR_MEMORY read memory
 * flags     it sets the condition flags
 * companion what a Cortex-M55 issues beside another instruction of 16 bits
 * quick     a Cortex-M7's first adder can do it: additions, moves, shifts by themselves
 * conditional  a branch that may fall through
 * reads, early, late, writes  registers by bit. Of `reads` an operand of `early` goes through a
 *           shifter or makes an address, one of `late` is added to a product; data to be stored is
 *           in none of them
 * base, offset  of an address: `base` is -1 where `offset` does not say it
 * vector_reads, vector_writes  Q registers; vector_latency  after which the second is there */
typedef struct {
  uint8_t bytes;
  uint8_t kind;
  uint8_t count;
  bool loads;
  bool flags;
  bool conditional;
  bool companion;
  bool quick;
  uint16_t reads;
  uint16_t early;
  uint16_t late;
  uint16_t writes;
  int8_t base;
  int32_t offset;
  uint8_t vector_reads;
  uint8_t vector_writes;
  uint8_t vector_latency;
} hwk_thumb_t;

/* The instruction at the start of `size_bytes` of code. Example: 40 1c (ADDS R0, R0, #1) is
 * HWK_SIMPLE, of 2 bytes, reads and writes bit 0, sets flags. */
hwk_thumb_t hwk_thumb(const uint8_t *code, uint32_t size_bytes);

/* Of 16 and of 32 bits, and of the coprocessor space of the latter. */
hwk_thumb_t hwk_thumb_narrow(uint32_t op);
hwk_thumb_t hwk_thumb_wide(uint32_t first, uint32_t second);
hwk_thumb_t hwk_thumb_coprocessor(uint32_t first, uint32_t second);

uint32_t hwk_ones(uint32_t bits);

#endif
