/* Plain names for a program of one model, @MODEL@; what they do stands in hwk_@ID@_model.h. */
#ifndef HWK_H
#define HWK_H

#include "hwk_@ID@_model.h"

#define HWK_MODEL_NAME HWK_@UPPER@_MODEL_NAME
#define HWK_ARENA_BYTES HWK_@UPPER@_ARENA_BYTES
@PLAIN_FACTS@
typedef hwk_@ID@_input_t hwk_input_t;
typedef hwk_@ID@_output_t hwk_output_t;

#define hwk_init hwk_@ID@_init
#define hwk_input(...) hwk_@ID@_input(__VA_ARGS__)
#define hwk_rows hwk_@ID@_rows
#define hwk_take hwk_@ID@_take
#define hwk_invoke hwk_@ID@_invoke
#define hwk_output(...) hwk_@ID@_output(__VA_ARGS__)
#define hwk_reset hwk_@ID@_reset
#define hwk_arena_bytes hwk_@ID@_arena_bytes
#define hwk_selftest hwk_@ID@_selftest
#define hwk_profile_mark hwk_@ID@_profile_mark

#endif
