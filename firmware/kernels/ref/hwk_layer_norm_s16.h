/* Layer norm of int16_t rows. */
#ifndef HWK_LAYER_NORM_S16_H
#define HWK_LAYER_NORM_S16_H

#include <hwk_layer_norm_row.h>

HWK_LAYER_NORM(s16, int16_t)

#endif
