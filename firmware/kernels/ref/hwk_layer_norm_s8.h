/* Layer norm of int8_t rows. */
#ifndef HWK_LAYER_NORM_S8_H
#define HWK_LAYER_NORM_S8_H

#include <hwk_layer_norm_row.h>

HWK_LAYER_NORM(s8, int8_t)

#endif
