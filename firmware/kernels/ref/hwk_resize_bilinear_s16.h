/* Bilinear resizing of a map of 16-bit integers. */
#ifndef HWK_RESIZE_BILINEAR_S16_H
#define HWK_RESIZE_BILINEAR_S16_H

#include <hwk_resize_bilinear.h>

HWK_RESIZE_BILINEAR(s16, int16_t, int32_t, hwk_store)

#endif
