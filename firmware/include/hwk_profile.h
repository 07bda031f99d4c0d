/* Layer boundaries: one function that outside instruments can find by its symbol. */
#ifndef HWK_PROFILE_H
#define HWK_PROFILE_H

#include <stdint.h>

/* Boundaries kept; a model with more layers runs, and the rest go unrecorded. */
#ifndef HWK_PROFILE_MARKS
#define HWK_PROFILE_MARKS 257
#endif

/* Added to a layer's number where the layer goes on, as one that is computed in parts. */
#define HWK_PROFILE_AGAIN 0x10000

/* No layer runs from here on. */
#define HWK_PROFILE_NONE (HWK_PROFILE_AGAIN + 0xFFFF)

/* Reads the cycle counter at boundary `mark` (0 .. layer_count): from here on layer `mark` runs, for
 * the first time in this record, or none of them. Never inlined, so that each call passes this
 * address with `mark` in the first argument register. Layer i takes what passes from mark i, and
 * from each mark i + HWK_PROFILE_AGAIN, to the mark that follows, and one call of this function
 * each time. A model with such layers marks all layers before it begins with any. */
void hwk_profile_mark(int mark);

/* Cycles of `layer` in the last run (modulo 2^32), 0 if it did not run. */
uint32_t hwk_profile_cycles(uint32_t layer);

/* Number of complete layers in the last run. */
uint32_t hwk_profile_layers(void);

#endif
