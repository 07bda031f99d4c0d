/* Where the largest int16_t of each row is. */
#ifndef HWK_ARGMAX_S16_H
#define HWK_ARGMAX_S16_H

#include <hwk_argmax.h>
#include <hwk_kernels.h>

HWK_ARGMAX(s16, int16_t)

#endif
