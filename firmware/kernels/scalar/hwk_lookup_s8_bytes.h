/* Any function of an int8_t integer, by a table of 256 in the order of its byte: of 0 .. 127, then of
 * -128 .. -1 (hwkit/targets/mcu/byte_maps.py). */
#ifndef HWK_LOOKUP_S8_BYTES_H
#define HWK_LOOKUP_S8_BYTES_H

#include <hwk_map_bytes.h>

HWK_NO_SCRATCH(lookup_s8_bytes, lookup)

HWK_INLINE void hwk_lookup_s8_bytes(const hwk_lookup_t *d, const int8_t *input, int8_t *output,
                                    void *scratch) {
  (void)scratch;
  hwk_map_bytes(d->table, (const uint8_t *)input, (uint8_t *)output, d->elements);
}

#endif
