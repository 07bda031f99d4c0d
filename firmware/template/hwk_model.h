/* @MODEL@: a quantized network as a C library.
 *
 *   hwk_@ID@_init();
 *   int8_t *x = hwk_@ID@_input();   fill HWK_@UPPER@_INPUT_ELEMENTS integers
 *   hwk_@ID@_invoke();
 *   const hwk_@ID@_output_t *y = hwk_@ID@_output();
 *
 * Integers in, integers out, the same on every core: real = scale * (integer - zero point).
 * Nothing is allocated; all memory is HWK_@UPPER@_ARENA_BYTES of static arena and some stack.
 * Not from two threads at once. Any number of models in a program: each has names of its own, in
 * sources and for the linker; hwk.h gives a program of one model the plain names hwk_init, ...
 */
#ifndef HWK_@UPPER@_MODEL_H
#define HWK_@UPPER@_MODEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HWK_@UPPER@_MODEL_NAME "@MODEL@"
#define HWK_@UPPER@_ARENA_BYTES @ARENA_BYTES@

/* One sample, last axis fastest: @INPUT_SHAPE@, integers from .._INPUT_LOW to .._INPUT_HIGH. */
#define HWK_@UPPER@_INPUT_ELEMENTS @INPUT_ELEMENTS@
#define HWK_@UPPER@_INPUT_LOW (@INPUT_LOW@)
#define HWK_@UPPER@_INPUT_HIGH (@INPUT_HIGH@)
@INPUT_QUANTIZATION@
/* @OUTPUT_SHAPE@ */
#define HWK_@UPPER@_OUTPUT_ELEMENTS @OUTPUT_ELEMENTS@
@OUTPUT_QUANTIZATION@
typedef @OUTPUT_TYPE@ hwk_@ID@_output_t;

#ifndef HWK_RESULTS
#define HWK_RESULTS
enum {
  HWK_OK = 0,
  HWK_NOT_READY = 1, /* init comes first */
  HWK_WRONG = 2      /* the self-test's output is not the expected one: a damaged image */
};
#endif

/* For the linker a digest makes the names unique: models of one name do not mix. */
#define hwk_@ID@_init @PREFIX@init
#define hwk_@ID@_input @PREFIX@input
#define hwk_@ID@_invoke @PREFIX@invoke
#define hwk_@ID@_output @PREFIX@output
#define hwk_@ID@_arena_bytes @PREFIX@arena_bytes
#define hwk_@ID@_selftest @PREFIX@selftest
#define hwk_@ID@_profile_mark @PREFIX@profile_mark

/* Clears the input. Call it once, before anything else. HWK_OK. */
int hwk_@ID@_init(void);

/* Where the next input goes. An invoke may overwrite it: fill all of it every time. */
int8_t *hwk_@ID@_input(void);

/* Runs the network on the input. HWK_OK or HWK_NOT_READY. */
int hwk_@ID@_invoke(void);

/* The result of the last invoke; the next one overwrites it. */
const hwk_@ID@_output_t *hwk_@ID@_output(void);

/* Bytes of the arena, in which input and output lie too: HWK_@UPPER@_ARENA_BYTES. */
size_t hwk_@ID@_arena_bytes(void);

/* Runs a known input and compares the output's CRC-32. HWK_OK, HWK_NOT_READY or HWK_WRONG. */
int hwk_@ID@_selftest(void);

/* Called at each layer's start with its number, and at the end. Does nothing; a program that times
 * layers defines its own. */
void hwk_@ID@_profile_mark(int layer);

#ifdef __cplusplus
}
#endif

#endif
