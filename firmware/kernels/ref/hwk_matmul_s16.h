/* Product of two activations' matrices of 16-bit integers: the definition, modulo 2^32. */
#ifndef HWK_MATMUL_S16_H
#define HWK_MATMUL_S16_H

#include <hwk_matmul_16.h>

HWK_MATMUL_16(s16, uint32_t, int32_t, hwk_store)

#endif
