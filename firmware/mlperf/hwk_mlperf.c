#include "hwk_mlperf.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "hwk_mlperf_network.h"
#include "hwk_model.h"
#include "hwk_platform.h"

/* Measuring energy, timestamps are edges of a pin and nothing is printed between them. */
#ifndef HWK_MLPERF_ENERGY
#define HWK_MLPERF_ENERGY 0
#endif

#define COMMAND_BYTES 80u
#define DEFAULT_WARMUPS 10u
#define BYTES_PER_LINE 8u
#define SIGN_BIT 0x80u
#define PIXEL_FLIP (HWK_MLPERF_INPUT == HWK_MLPERF_PIXELS ? SIGN_BIT : 0u)
#define REALS (HWK_MLPERF_INPUT == HWK_MLPERF_REALS)
/* Beyond what any 8-bit model's grid reaches, and within what converts to an integer. */
#define FARTHEST_STEP 1024.0f

typedef void (*put_t)(uint8_t byte);

static char command[COMMAND_BYTES + 1u];
static uint32_t command_bytes;
static bool too_long;

/* The sample, pixels already less 128: as the model takes it, but for reals. */
static _Alignas(4) uint8_t sample[HWK_MLPERF_SAMPLE_BYTES];
static uint32_t sample_bytes;   /* received */
static uint32_t expected_bytes; /* announced */
static _Alignas(4) int8_t quantized[REALS ? HWK_MLPERF_ELEMENTS : 1];
static bool inferred;

/* Time since the last `infer` began. A counter of 32 bits wraps within minutes: it is read after
 * each inference. */
static uint32_t last_cycles;
static uint32_t cycles; /* less than a second of them */
static uint32_t seconds;

/* Text */

static void put_text(put_t put, const char *text) {
  for (; *text != 0; text++) {
    put((uint8_t)*text);
  }
}

/* At least `digits` digits. */
static void put_number(put_t put, uint32_t value, uint32_t digits) {
  char text[10];
  uint32_t count = 0;
  do {
    text[count++] = (char)('0' + value % 10u);
    value /= 10u;
  } while (value != 0 || count < digits);
  while (count != 0) {
    put((uint8_t)text[--count]);
  }
}

static void put_hex(put_t put, uint8_t value) {
  static const char digits[] = "0123456789abcdef";
  put((uint8_t)digits[value >> 4]);
  put((uint8_t)digits[value & 15u]);
}

static void put_line(put_t put, const char *start, uint32_t value) {
  put_text(put, start);
  put_number(put, value, 1);
  put_text(put, "\r\n");
}

static void complain(put_t put, const char *text, const char *what) {
  put_text(put, "e-[");
  put_text(put, text);
  put_text(put, what);
  put_text(put, "]\r\n");
}

/* As printf's %.3f (%.6f) of a finite value below 2^22 (2^12): the nearest, of two the even one. */
static void put_real(put_t put, float value) {
  const uint32_t power = HWK_MLPERF_DECIMALS == 3 ? 1000u : 1000000u;
  uint32_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t exponent = bits >> 23 & 0xFFu;
  const uint32_t mantissa = (bits & 0x7FFFFFu) | (exponent != 0 ? 0x800000u : 0u);
  /* value = mantissa / 2^shift */
  const int32_t shift = 150 - (int32_t)(exponent != 0 ? exponent : 1u);
  const uint64_t scaled = (uint64_t)mantissa * power;
  uint64_t parts = 0;
  if (shift <= 0) {
    parts = UINT32_MAX; /* 2^23 or more: nothing that is shown */
  } else if (shift < 64) {
    const uint64_t half = (uint64_t)1 << (shift - 1);
    const uint64_t rest = scaled & (half * 2u - 1u);
    parts = scaled >> shift;
    parts += rest > half || (rest == half && (parts & 1u) != 0) ? 1u : 0u;
  }
  const uint32_t shown = parts < UINT32_MAX ? (uint32_t)parts : UINT32_MAX;
  if (bits >> 31 != 0) {
    put('-');
  }
  put_number(put, shown / power, 1);
  put('.');
  put_number(put, shown % power, HWK_MLPERF_DECIMALS);
}

/* Words of a command */

/* The next word from *at on, which it ends and steps over; NULL when there is none. */
static char *next_word(char **at) {
  char *word = *at;
  while (*word == ' ') {
    word++;
  }
  char *end = word;
  while (*end != 0 && *end != ' ') {
    end++;
  }
  *at = *end == 0 ? end : end + 1;
  *end = 0;
  return end == word ? NULL : word;
}

static bool is(const char *word, const char *name) {
  while (*word != 0 && *word == *name) {
    word++;
    name++;
  }
  return *word == *name;
}

/* The number that `word` begins with, at most 2^31 - 1; -1 when it begins with none. */
static int32_t number(const char *word) {
  if (*word < '0' || *word > '9') {
    return -1;
  }
  uint32_t value = 0;
  for (; *word >= '0' && *word <= '9'; word++) {
    if (value > (INT32_MAX - 9) / 10) {
      return INT32_MAX;
    }
    value = value * 10u + (uint32_t)(*word - '0');
  }
  return (int32_t)value;
}

static int32_t hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Time */

static void tick(void) {
  const uint32_t now = hwk_platform_cycles();
  const uint32_t hz = hwk_platform_clock_hz();
  uint32_t passed = now - last_cycles;
  last_cycles = now;
  if (hz == 0) {
    return; /* a board without a counter */
  }
  while (passed >= hz) {
    passed -= hz;
    seconds++;
  }
  cycles += passed;
  if (cycles >= hz) {
    cycles -= hz;
    seconds++;
  }
}

static uint32_t microseconds(void) {
  const uint32_t per_ms = hwk_platform_clock_hz() / 1000u;
  if (per_ms == 0) {
    return 0;
  }
  return seconds * 1000000u + cycles / per_ms * 1000u + cycles % per_ms * 1000u / per_ms;
}

__attribute__((weak)) void hwk_mlperf_timestamp_pin(uint32_t level) { (void)level; }

static void timestamp(put_t put) {
  if (HWK_MLPERF_ENERGY) {
    hwk_mlperf_timestamp_pin(0);
    /* A monitor samples every 10 us or slower. */
    const uint32_t start = hwk_platform_cycles();
    while (hwk_platform_cycles() - start < hwk_platform_clock_hz() / 1000u) {
    }
    hwk_mlperf_timestamp_pin(1);
    return;
  }
  tick();
  put_line(put, "m-lap-us-", microseconds());
}

/* Inference */

static float real_of_sample(uint32_t index) {
  float value = 0;
  memcpy(&value, sample + 4u * index, sizeof value);
  return value;
}

/* round() of the quotient, halves away from zero, as the benchmark's reference has it. */
static int8_t quantize(float value) {
  float steps = value / HWK_MLPERF_INPUT_SCALE;
  if (!(steps > -FARTHEST_STEP)) { /* also not a number */
    steps = -FARTHEST_STEP;
  }
  if (steps > FARTHEST_STEP) {
    steps = FARTHEST_STEP;
  }
  int32_t whole = (int32_t)steps;
  const float rest = steps - (float)whole;
  whole += rest >= 0.5f ? 1 : 0;
  whole -= rest <= -0.5f ? 1 : 0;
  whole += HWK_MLPERF_INPUT_ZERO_POINT;
  if (whole < INT8_MIN) {
    return INT8_MIN;
  }
  return (int8_t)(whole > INT8_MAX ? INT8_MAX : whole);
}

static void load(void) {
  if (REALS) {
    for (uint32_t i = 0; i < HWK_MLPERF_ELEMENTS; i++) {
      quantized[i] = quantize(real_of_sample(i));
    }
  }
}

/* With the copy of the sample, as an inference may overwrite its input. */
static void infer_once(void) {
  const hwk_model_info_t *model = &hwk_model_info;
  const void *from = REALS ? (const void *)quantized : (const void *)sample;
  if (model->stream != NULL) {
    model->stream->restart();
    model->stream->feed(from, HWK_MLPERF_ELEMENTS);
  } else {
    memcpy(model->inputs.first[0].data, from, HWK_MLPERF_ELEMENTS);
  }
  hwk_model_invoke(model->layer_count - 1u);
  tick();
}

static int32_t output(uint32_t index) {
  HWK_MLPERF_OUTPUT_TYPE value = 0;
  memcpy(&value, hwk_model_info.outputs.first[0].data + index * sizeof value, sizeof value);
  return value;
}

static float real_output(uint32_t index) {
  return (float)(output(index) - HWK_MLPERF_OUTPUT_ZERO_POINT) * HWK_MLPERF_OUTPUT_SCALE;
}

/* One rounding a statement, so that no compiler may fuse two: every core gives the same sum. */
static float distance(void) {
  float sum = 0;
  for (uint32_t i = 0; i < HWK_MLPERF_OUTPUTS; i++) {
    const float difference = real_output(i) - real_of_sample(REALS ? i : 0);
    const float square = difference * difference;
    sum += square;
  }
  return sum / (float)HWK_MLPERF_OUTPUTS;
}

static int32_t smallest_output(void) {
  int32_t smallest = output(0);
  for (uint32_t i = 1; i < HWK_MLPERF_OUTPUTS; i++) {
    smallest = output(i) < smallest ? output(i) : smallest;
  }
  return smallest;
}

static void results(put_t put) {
  if (!inferred) {
    complain(put, "No inference yet", "");
    return;
  }
  put_text(put, "m-results-[");
  if (HWK_MLPERF_RESULTS == HWK_MLPERF_DISTANCE) {
    put_real(put, distance());
  } else {
    const uint32_t smallest = (uint32_t)smallest_output();
    for (uint32_t i = 0; i < HWK_MLPERF_OUTPUTS; i++) {
      if (i != 0) {
        put(',');
      }
      if (HWK_MLPERF_RESULTS == HWK_MLPERF_SCORES) {
        put_number(put, (uint32_t)output(i) - smallest + 1u, 1);
      } else {
        put_real(put, real_output(i));
      }
    }
  }
  put_text(put, "]\r\n");
}

static void infer(put_t put, uint32_t count, uint32_t warmups) {
  if (sample_bytes != HWK_MLPERF_SAMPLE_BYTES) {
    complain(put, "The sample is not loaded", "");
    return;
  }
  load();
  last_cycles = hwk_platform_cycles();
  cycles = 0;
  seconds = 0;
  put_line(put, "m-warmup-start-", warmups);
  for (uint32_t i = 0; i < warmups; i++) {
    infer_once();
  }
  put_text(put, "m-warmup-done\r\n");
  put_line(put, "m-infer-start-", count);
  timestamp(put);
  for (uint32_t i = 0; i < count; i++) {
    infer_once();
  }
  timestamp(put);
  inferred = true;
  put_text(put, "m-infer-done\r\n");
  results(put);
}

/* Commands */

static void infer_command(put_t put, char *rest) {
  const char *count = next_word(&rest);
  const char *warmups = next_word(&rest);
  const int32_t n = count == NULL ? 1 : number(count);
  const int32_t w = warmups == NULL ? (int32_t)DEFAULT_WARMUPS : number(warmups);
  if (n <= 0) {
    complain(put, "Inference iterations must be >0", "");
  } else if (w < 0) {
    complain(put, "Inference warmup must be >=0", "");
  } else {
    infer(put, (uint32_t)n, (uint32_t)w);
  }
}

static void announce(put_t put, const char *size) {
  const int32_t bytes = size == NULL ? -1 : number(size);
  sample_bytes = 0;
  expected_bytes = 0;
  inferred = false;
  if (bytes <= 0) {
    complain(put, "Command 'db load' requires the # of bytes, >0", "");
  } else if ((uint32_t)bytes > HWK_MLPERF_SAMPLE_BYTES) {
    put_text(put, "Supplied buffer size ");
    put_number(put, (uint32_t)bytes, 1);
    put_line(put, " exceeds maximum of ", HWK_MLPERF_SAMPLE_BYTES);
  } else {
    expected_bytes = (uint32_t)bytes;
    put_text(put, "m-[Expecting ");
    put_number(put, expected_bytes, 1);
    put_text(put, " bytes]\r\n");
  }
}

static void print_sample(put_t put) {
  for (uint32_t i = 0; i < expected_bytes; i++) {
    put_text(put, i % BYTES_PER_LINE == 0 ? "m-buffer-" : "-");
    put_hex(put, (uint8_t)(sample[i] ^ PIXEL_FLIP));
    if ((i + 1u) % BYTES_PER_LINE == 0 || i + 1u == expected_bytes) {
      put_text(put, "\r\n");
    }
  }
}

/* What follows the last byte that is expected is dropped. */
static void take_digits(put_t put, const char *digits) {
  for (; *digits != 0; digits += 2) {
    if (digits[1] == 0) {
      complain(put, "Insufficent number of hex digits", "");
      return;
    }
    const int32_t high = hex_digit(digits[0]);
    const int32_t low = hex_digit(digits[1]);
    if (high < 0 || low < 0) {
      complain(put, "Invalid hex digit in ", digits);
      return;
    }
    if (sample_bytes == expected_bytes) {
      complain(put, "No byte is expected; 'db load' comes first", "");
      return;
    }
    sample[sample_bytes++] = (uint8_t)((uint32_t)(high << 4 | low) ^ PIXEL_FLIP);
    if (sample_bytes == expected_bytes) {
      put_text(put, "m-load-done\r\n");
      return;
    }
  }
}

static void buffer_command(put_t put, char *rest) {
  const char *word = next_word(&rest);
  if (word == NULL) {
    complain(put, "Command 'db' requires a subcommand", "");
  } else if (is(word, "load")) {
    announce(put, next_word(&rest));
  } else if (is(word, "print")) {
    print_sample(put);
  } else {
    take_digits(put, word);
  }
}

static void help(put_t put) {
  put_text(put, HWK_MLPERF_PROFILE
           "\r\n\r\n"
           "name, profile  who answers, for which network\r\n"
           "timestamp      a time, or a pulse for an energy monitor\r\n"
           "db load N      N bytes of a sample follow\r\n"
           "db HH[HH]*     some of them\r\n"
           "db print       all of them\r\n"
           "infer N [W=10] W inferences unmeasured, N measured\r\n"
           "results        of the last inference\r\n");
}

static void execute(put_t put, char *rest) {
  const char *word = next_word(&rest);
  if (word == NULL) {
    complain(put, "Unknown command: ", "");
  } else if (is(word, "name")) {
    /* What an emulator gives is not measured, whoever asks. */
    const bool emulated = hwk_platform_identity().kind == HWK_KIND_EMULATOR;
    put_text(put, "m-name-dut-[" HWK_MLPERF_VENDOR);
    put_text(put, emulated ? " on an emulator]\r\n" : "]\r\n");
  } else if (is(word, "timestamp")) {
    timestamp(put);
  } else if (is(word, "profile")) {
    put_text(put, "m-profile-[" HWK_MLPERF_PROFILE "]\r\n");
    put_text(put, "m-model-[" HWK_MLPERF_MODEL "]\r\n");
  } else if (is(word, "help")) {
    help(put);
  } else if (is(word, "db")) {
    buffer_command(put, rest);
  } else if (is(word, "infer")) {
    infer_command(put, rest);
  } else if (is(word, "results")) {
    results(put);
  } else {
    complain(put, "Unknown command: ", word);
  }
}

void hwk_mlperf_start(void (*put)(uint8_t byte)) {
  last_cycles = hwk_platform_cycles();
  put_text(put,
           HWK_MLPERF_ENERGY ? "m-timestamp-mode-energy\r\n" : "m-timestamp-mode-performance\r\n");
  timestamp(put);
  put_text(put, "m-init-done\r\nm-ready\r\n");
}

void hwk_mlperf_receive(uint8_t byte, void (*put)(uint8_t byte)) {
  if (byte == '\r' || byte == '\n') {
    return; /* of a person at a terminal */
  }
  if (byte != '%') {
    too_long = command_bytes == COMMAND_BYTES;
    if (!too_long) {
      command[command_bytes++] = (char)byte;
    }
    return;
  }
  command[command_bytes] = 0;
  if (too_long) {
    complain(put, "Command longer than 80 characters", "");
  } else {
    execute(put, command);
  }
  command_bytes = 0;
  too_long = false;
  put_text(put, "m-ready\r\n");
}
