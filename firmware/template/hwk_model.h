/* @MODEL@: a quantized network as a C library. Generated.
 *
 *   hwk_@ID@_init();
 *   hwk_@ID@_input_t *x = hwk_@ID@_input(0);   fill HWK_@UPPER@_INPUT_ELEMENTS integers
 *   hwk_@ID@_invoke();
 *   const hwk_@ID@_output_t *y = hwk_@ID@_output(0);
 *
 * Integers in, integers out, the same on every core: real = scale * (integer - zero point).
 * Where a tensor has one scale, .._INPUT_INTEGER(real) and .._OUTPUT_REAL(integer) do that, and
 * .._OUTPUT_ARGMAX() is the index of the largest integer.
 * What the model has as unsigned of 8 bits, 0..255, is here less 128, -128..127 (of 4 bits less 8),
 * and so is its zero point: its own _LOW and _HIGH say what each takes.
 * Nothing is allocated; all memory is HWK_@UPPER@_ARENA_BYTES of static arena and some stack.
 * Not from two threads at once. Any number of models in a program: each has names of its own, in
 * sources and for the linker; hwk.h gives a program of one model the plain names hwk_init, ...
 */
#ifndef HWK_@UPPER@_MODEL_H
#define HWK_@UPPER@_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "hwk_numbers.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HWK_@UPPER@_MODEL_NAME "@MODEL@"
#define HWK_@UPPER@_ARENA_BYTES @ARENA_BYTES@

/* Inputs and outputs in order; those behind the first have its number: .._INPUT1_ELEMENTS. A state
 * is what one invoke leaves for the next. */
#define HWK_@UPPER@_INPUTS @INPUTS@
#define HWK_@UPPER@_OUTPUTS @OUTPUTS@
#define HWK_@UPPER@_STATES @STATES@

@FACTS@
/* void where they differ: then int8_t up to 8 bits, int32_t above. */
typedef @INPUT_TYPE@ hwk_@ID@_input_t;
typedef @OUTPUT_TYPE@ hwk_@ID@_output_t;

#ifndef HWK_RESULTS
#define HWK_RESULTS
enum {
  HWK_OK = 0,
  HWK_NOT_READY = 1, /* init comes first */
  HWK_WRONG = 2      /* the self-test's output is not the expected one: a damaged image */
};
#endif

/* For the linker a digest makes the names unique: models of one name do not mix. Without an index
 * hwk_@ID@_input() and hwk_@ID@_output() are the first. */
#define hwk_@ID@_init @PREFIX@init
#define hwk_@ID@_input(...) @PREFIX@input(__VA_ARGS__ + 0u)
#define hwk_@ID@_invoke @PREFIX@invoke
#define hwk_@ID@_rows @PREFIX@rows
#define hwk_@ID@_take @PREFIX@take
#define hwk_@ID@_output(...) @PREFIX@output(__VA_ARGS__ + 0u)
#define hwk_@ID@_reset @PREFIX@reset
#define hwk_@ID@_arena_bytes @PREFIX@arena_bytes
#define hwk_@ID@_selftest @PREFIX@selftest
#define hwk_@ID@_profile_mark @PREFIX@profile_mark

/* Clears the inputs and gives every state its initial value. Call it once, before anything else.
 * HWK_OK. */
int hwk_@ID@_init(void);

/* hwk_@ID@_input(index): where that input goes, NULL for one that is not there, or that arrives in
 * rows. An invoke may overwrite inputs: fill all of all of them every time. */
hwk_@ID@_input_t *@PREFIX@input(size_t index);

/* Of a model whose input arrives in rows: where the next rows go, and how many integers they are.
 * NULL and 0 when all have been taken, and the invoke is due; always for any other model. */
hwk_@ID@_input_t *hwk_@ID@_rows(size_t *elements);

/* The rows are there: computes what they allow, which makes room for the next. HWK_OK, or
 * HWK_NOT_READY where none are wanted. */
int hwk_@ID@_take(void);

/* Runs the network on the inputs; every state takes its next value. HWK_OK, or HWK_NOT_READY before
 * init or before all rows were taken. */
int hwk_@ID@_invoke(void);

/* hwk_@ID@_output(index): that result of the last invoke, NULL for one that is not there. Filling an
 * input may overwrite it. */
const hwk_@ID@_output_t *@PREFIX@output(size_t index);

/* Gives every state its initial value. HWK_OK. */
int hwk_@ID@_reset(void);

/* Bytes of the arena, in which inputs, outputs and states lie too: HWK_@UPPER@_ARENA_BYTES. */
size_t hwk_@ID@_arena_bytes(void);

/* Runs known inputs from the initial states, to which it returns, and compares the CRC-32 of the
 * outputs. HWK_OK, HWK_NOT_READY or HWK_WRONG. */
int hwk_@ID@_selftest(void);

/* Called at each layer's start with its number, and at the end; where layers are computed in parts,
 * with 65536 more at the start of each part, and with 131071 where nothing runs. Does nothing; a
 * program that times layers defines its own. */
void hwk_@ID@_profile_mark(int layer);

#ifdef __cplusplus
}
#endif

#endif
