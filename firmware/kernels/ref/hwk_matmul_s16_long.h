/* Product of two activations' matrices of 16-bit integers, sums that need more than 32 bits. */
#ifndef HWK_MATMUL_S16_LONG_H
#define HWK_MATMUL_S16_LONG_H

#include <hwk_matmul_16.h>

HWK_MATMUL_16(s16_long, int64_t, int64_t, hwk_store_long)

#endif
