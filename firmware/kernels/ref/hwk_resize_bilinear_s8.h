/* Bilinear resizing of a map of 8-bit integers. */
#ifndef HWK_RESIZE_BILINEAR_S8_H
#define HWK_RESIZE_BILINEAR_S8_H

#include <hwk_resize_bilinear.h>

HWK_RESIZE_BILINEAR(s8, int8_t, int32_t, hwk_store)

#endif
