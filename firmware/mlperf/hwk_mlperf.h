/* The device's side of MLPerf Tiny's serial protocol, as the MLCommons runner speaks it: repository
 * mlcommons/tiny, benchmark/api/internally_implemented.cpp and submitter_implemented.h (v1.4).
 *
 * Commands end with '%', answers with the line "m-ready". The runner sends a sample in hexadecimal
 * digits (`db load N`, `db HH..`) and asks for inferences (`infer N WARMUPS`); the time of N
 * inferences is the difference of two lines `m-lap-us-...`. */
#ifndef HWK_MLPERF_H
#define HWK_MLPERF_H

#include <stdint.h>

/* What a sample's bytes are, as the benchmark's data sets have them.
 *
 * PIXELS    unsigned 8-bit integers; the model has 128 less
 * FEATURES  the model's own integers
 * REALS     32-bit floats, little-endian: the model takes round(x / scale) + zero point, clamped */
#define HWK_MLPERF_PIXELS 0
#define HWK_MLPERF_FEATURES 1
#define HWK_MLPERF_REALS 2

/* What is told of the outputs.
 *
 * PROBABILITIES  each one's real value
 * SCORES         of a model without softmax, whose outputs may be negative: each integer less the
 *                smallest one, plus 1, so that the runner's division by the sum keeps their order
 * DISTANCE       the mean square of output minus input, of an autoencoder */
#define HWK_MLPERF_PROBABILITIES 0
#define HWK_MLPERF_SCORES 1
#define HWK_MLPERF_DISTANCE 2

/* Says that the device is ready; before any other call. */
void hwk_mlperf_start(void (*put)(uint8_t byte));

/* Takes a byte from the serial link, and answers when it ends a command. */
void hwk_mlperf_receive(uint8_t byte, void (*put)(uint8_t byte));

/* Drives the pin that an energy monitor watches. Weak, and does nothing: a program that measures
 * energy defines it for its board. Open drain; a falling edge is the timestamp. */
void hwk_mlperf_timestamp_pin(uint32_t level);

#endif
