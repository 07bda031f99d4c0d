/* Layer boundaries: one function that outside instruments can find by its symbol. */
#ifndef HWK_PROFILE_H
#define HWK_PROFILE_H

#include <stdint.h>

/* Boundaries kept; a model with more layers runs, and the rest go unrecorded. */
#ifndef HWK_PROFILE_MARKS
#define HWK_PROFILE_MARKS 257
#endif

/* Records the cycle counter at boundary `layer` (0 .. layer_count). Never inlined, so that each
 * call passes this address with `layer` in the first argument register. Mark 0 starts a new
 * record. The interval from mark i to mark i + 1 is layer i and one call of this function. */
void hwk_profile_mark(int layer);

/* Cycles of `layer` in the last run (modulo 2^32), 0 if it did not run. */
uint32_t hwk_profile_cycles(uint32_t layer);

/* Number of complete layers in the last run. */
uint32_t hwk_profile_layers(void);

#endif
