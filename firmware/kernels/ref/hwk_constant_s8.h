/* A constant operand. */
#ifndef HWK_CONSTANT_S8_H
#define HWK_CONSTANT_S8_H

#include <hwk_broadcast.h>
#include <hwk_kernels.h>

HWK_NO_SCRATCH(constant_s8, constant)

HWK_INLINE void hwk_constant_s8(const hwk_constant_t *d, int8_t *output, void *scratch) {
  (void)scratch;
  hwk_copy(output, d->values, (size_t)d->elements);
}

#endif
