/* The contract between a generated model and the firmware that serves it.
 *
 * model.c (generated: constant tables and the list of layers) defines everything declared here;
 * the runtime (firmware/runtime) calls it and nothing else of the model.
 */
#ifndef HWK_MODEL_H
#define HWK_MODEL_H

#include <stdint.h>

#define HWK_MODEL_DIGEST_BYTES 32

/* Facts about the model, in flash.
 *
 * name           zero-terminated, at most 63 characters count
 * digest         SHA-256 of the model that the host built, so that it can tell a wrong image
 * layer_count    N >= 1; layers are numbered 0 .. N-1 in the order in which they run
 * input_bytes    bytes at hwk_model_input(), one sample, NHWC
 * output_bytes   bytes at hwk_model_output(), one sample
 * arena_bytes    static activation memory, all of it
 * selftest_crc32 CRC-32 of the output for the self-test input (see below)
 * input_low      smallest and
 * input_high     largest integer that the input tensor may hold, e.g. -128 and 127; that each of
 *                its bytes may, where it has two: -8 and 7 keep them within 12 bits
 */
typedef struct {
  const char *name;
  uint8_t digest[HWK_MODEL_DIGEST_BYTES];
  uint32_t layer_count;
  uint32_t input_bytes;
  uint32_t output_bytes;
  uint32_t arena_bytes;
  uint32_t selftest_crc32;
  int16_t input_low;
  int16_t input_high;
} hwk_model_info_t;

extern const hwk_model_info_t hwk_model_info;

/* Where the next input goes and the last output lies. Both are in the arena (static, 16-byte
 * aligned); an invoke may overwrite the input. The output is valid after an invoke that ran the
 * last layer. Integers of 8 bits or fewer take one byte each, signed or unsigned as the graph
 * says; those of up to 16 bits two and wider ones four, little-endian. */
int8_t *hwk_model_input(void);
const int8_t *hwk_model_output(void);

/* Runs layers 0 .. last_layer (clamped to layer_count - 1). Calls hwk_profile_mark(i) before
 * layer i and hwk_profile_mark(last_layer + 1) after the last one that ran. */
void hwk_model_invoke(uint32_t last_layer);

/* The output of `layer`, its size in bytes in *size_bytes. Valid right after an invoke that
 * stopped at that layer; later layers may reuse its memory. NULL and 0 for a layer that does not
 * exist. */
const void *hwk_model_layer_output(uint32_t layer, uint32_t *size_bytes);

/* Self-test: input byte k is
 *
 *   x ^= x << 13; x ^= x >> 17; x ^= x << 5;    (32-bit, from HWK_SELFTEST_SEED)
 *   byte = input_low + (x >> 24) % (input_high - input_low + 1)
 *
 * (Marsaglia, "Xorshift RNGs", 2003). selftest_crc32 is the CRC-32 (IEEE 802.3, as zlib.crc32)
 * of the output bytes that follow. With the range -128 .. 127 the first integers are
 * 7, -107, -56, 1, -16, -87. */
#define HWK_SELFTEST_SEED 0x12345678u

#endif
