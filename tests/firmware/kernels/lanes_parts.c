/* What brings packed integers to bytes and back as functions of a shared library. */
#include "hwk_lanes.h"

void part_unpack(int8_t *to, const void *from, int32_t first, int32_t count, int32_t bits) {
  hwk_unpack(to, from, first, count, bits);
}

void part_pack(void *to, int32_t first, const int8_t *from, int32_t count, int32_t bits,
               int32_t low, int32_t high) {
  hwk_pack(to, first, from, count, bits, low, high);
}
