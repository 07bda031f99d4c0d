/* Where the largest int32_t of each row is. */
#ifndef HWK_ARGMAX_S32_H
#define HWK_ARGMAX_S32_H

#include <hwk_argmax.h>
#include <hwk_kernels.h>

HWK_ARGMAX(s32, int32_t)

#endif
