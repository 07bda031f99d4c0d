/* Where the largest int8_t of each row is. */
#ifndef HWK_ARGMAX_S8_H
#define HWK_ARGMAX_S8_H

#include <hwk_argmax.h>
#include <hwk_kernels.h>

HWK_ARGMAX(s8, int8_t)

#endif
