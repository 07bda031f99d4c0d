/* The contract between a generated model and the firmware that serves it.
 *
 * model.c (generated: constant tables and the list of layers) defines everything declared here;
 * the runtime (firmware/runtime) calls it and nothing else of the model.
 */
#ifndef HWK_MODEL_H
#define HWK_MODEL_H

#include <stdint.h>

#define HWK_MODEL_DIGEST_BYTES 32

/* A tensor in the arena, which is static and 16-byte aligned: one sample, last axis fastest.
 * Integers of 8 bits or fewer take one byte each, signed or unsigned as the graph says; those of up
 * to 16 bits two and wider ones four, little-endian. (What layers hand on to each other may be packed,
 * see hwk_packing.h: hwk_model_layer_output shows it so.) */
typedef struct {
  int8_t *data;
  uint32_t bytes;
} hwk_tensor_t;

/* `count` tensors; `bytes` of all of them. */
typedef struct {
  const hwk_tensor_t *first;
  uint32_t count;
  uint32_t bytes;
} hwk_tensors_t;

/* Of each byte of an input, or the integer that it is: the smallest one, and how much larger the
 * largest is; of wider integers what the upper byte may hold, so that -8 and 15 keep them within 12
 * bits. */
typedef struct {
  int16_t low;
  uint16_t highest;
} hwk_range_t;

/* The single input of a model that takes it in rows and never holds the whole of it.
 *
 * restart  the next rows are the first ones
 * wanted   where the next rows go, and how many bytes they are: 0 when no more are needed. Nothing
 *          else of the model may run before they are taken
 * take     they are there: computes what they allow
 * feed     the next `size` bytes, as many as you like: copies them where they go, and takes rows as
 *          soon as they are there; drops what is not needed
 *
 * When all of the input has been fed, an invoke computes the rest, and restarts. */
typedef struct {
  void (*restart)(void);
  hwk_tensor_t (*wanted)(void);
  void (*take)(void);
  void (*feed)(const void *bytes, uint32_t size);
} hwk_stream_t;

/* Facts about the model, in flash.
 *
 * description    what INFO sends of the model as it lies there: docs/protocol.md, from layers on
 * layer_count    N >= 1; layers are numbered 0 .. N-1 in the order in which they run
 * selftest_crc32 CRC-32 of the outputs for the self-test inputs (see below)
 * selftest_steps inferences of the self-test
 * ranges         of each input
 * inputs, outputs, states   in the graph's order
 * stream         how the input goes in, whose data is NULL then; NULL for inputs in the arena
 *
 * An invoke may overwrite inputs, and a new input outputs. The outputs are valid after an invoke
 * that ran the last layer; one that is also an input, or another output, lies where that does.
 * States live from one invoke to the next. */
typedef struct {
  const void *description;
  uint32_t description_bytes;
  uint32_t layer_count;
  uint32_t selftest_crc32;
  uint32_t selftest_steps;
  const hwk_range_t *ranges;
  hwk_tensors_t inputs;
  hwk_tensors_t outputs;
  hwk_tensors_t states;
  const hwk_stream_t *stream;
} hwk_model_info_t;

extern const hwk_model_info_t hwk_model_info;

/* Runs layers 0 .. last_layer (clamped to layer_count - 1). Calls hwk_profile_mark(i) before
 * layer i and hwk_profile_mark(last_layer + 1) after the last one that ran. All states take their
 * next values when the last layer has run; after an invoke that stopped earlier they hold
 * anything. */
void hwk_model_invoke(uint32_t last_layer);

/* Gives every state its initial value; to be called before the first invoke. */
void hwk_model_reset(void);

/* The output of `layer`, its size in bytes in *size_bytes. Valid right after an invoke that
 * stopped at that layer; later layers may reuse its memory. NULL and 0 for a layer that does not
 * exist. */
const void *hwk_model_layer_output(uint32_t layer, uint32_t *size_bytes);

/* Self-test: from the initial states, selftest_steps inferences. For each, byte k of all inputs in
 * order is
 *
 *   x ^= x << 13; x ^= x >> 17; x ^= x << 5;    (32-bit, from HWK_SELFTEST_SEED, going on from
 *                                                input to input and from step to step)
 *   byte = low + (x >> 24) % (highest + 1)
 *
 * (Marsaglia, "Xorshift RNGs", 2003). selftest_crc32 is the CRC-32 (IEEE 802.3, as zlib.crc32) of
 * the bytes of all outputs in order, of all steps. With the range -128 .. 127 the first integers
 * are 7, -107, -56, 1, -16, -87. */
#define HWK_SELFTEST_SEED 0x12345678u

#endif
