/* @MODEL@: a quantized network as a C library.
 *
 *   hwk_init();
 *   int8_t *x = hwk_input();          fill HWK_INPUT_ELEMENTS integers
 *   hwk_invoke();
 *   const hwk_output_t *y = hwk_output();
 *
 * Integers in, integers out, the same on every core: real = scale * (integer - zero point).
 * Nothing is allocated; all memory is HWK_ARENA_BYTES of static arena and some stack. One model
 * a program, and not from two threads at once.
 */
#ifndef HWK_H
#define HWK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HWK_MODEL_NAME "@MODEL@"
#define HWK_ARENA_BYTES @ARENA_BYTES@

/* One sample, last axis fastest: @INPUT_SHAPE@, integers from HWK_INPUT_LOW to HWK_INPUT_HIGH. */
#define HWK_INPUT_ELEMENTS @INPUT_ELEMENTS@
#define HWK_INPUT_LOW (@INPUT_LOW@)
#define HWK_INPUT_HIGH (@INPUT_HIGH@)
@INPUT_QUANTIZATION@
/* @OUTPUT_SHAPE@ */
#define HWK_OUTPUT_ELEMENTS @OUTPUT_ELEMENTS@
@OUTPUT_QUANTIZATION@
typedef @OUTPUT_TYPE@ hwk_output_t;

enum {
  HWK_OK = 0,
  HWK_NOT_READY = 1, /* hwk_init() comes first */
  HWK_WRONG = 2      /* the self-test's output is not the expected one: a damaged image */
};

/* Clears the input. Call it once, before anything else. HWK_OK. */
int hwk_init(void);

/* Where the next input goes. An invoke may overwrite it: fill all of it every time. */
int8_t *hwk_input(void);

/* Runs the network on the input. HWK_OK or HWK_NOT_READY. */
int hwk_invoke(void);

/* The result of the last invoke; the next one overwrites it. */
const hwk_output_t *hwk_output(void);

/* Bytes of the arena, in which input and output lie too: HWK_ARENA_BYTES. */
size_t hwk_arena_bytes(void);

/* Runs a known input and compares the output's CRC-32. HWK_OK, HWK_NOT_READY or HWK_WRONG. */
int hwk_selftest(void);

#ifdef __cplusplus
}
#endif

#endif
