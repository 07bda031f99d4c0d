/* Bilinear resizing of a map of 16-bit integers, sums that need more than 32 bits. */
#ifndef HWK_RESIZE_BILINEAR_S16_LONG_H
#define HWK_RESIZE_BILINEAR_S16_LONG_H

#include <hwk_resize_bilinear.h>

HWK_RESIZE_BILINEAR(s16_long, int16_t, int64_t, hwk_store_long)

#endif
