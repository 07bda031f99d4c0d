/* Runs kernels with run-time descriptors, case after case from stdin to stdout.
 *
 * A case, all integers int32 little-endian: kernel index (order of tested_kernels.inc); the
 * descriptor's fields in the order of hwk_descriptors.h, a table as its byte count and bytes, a
 * null pointer as -1; each input as byte count and bytes; the number of the input that the
 * output shares memory with, -1 for none, or -2 - n when it starts n bytes before the first input
 * and may run into it; the output's byte count and its bytes before the call.
 * The answer: scratch bytes, then the output's bytes.
 *
 * Behind these kernels come those of packed_kernels.inc in their packed forms: before the
 * descriptor the fields of hwk_packing_t and the bytes of scratch.
 *
 * Every buffer is a malloc of its exact size, so that AddressSanitizer sees each byte too far.
 */
#include <stdio.h>
#include <stdlib.h>

#include "all_kernels.h" /* written by the test: includes every kernel of one variant */

#include <hwk_real.h>

static int read_exactly(void *to, size_t size) { return fread(to, 1, size, stdin) == size; }

static int32_t read_number(void) {
  int32_t value;
  if (!read_exactly(&value, sizeof value)) {
    exit(2);
  }
  return value;
}

static void *tables[64];
static int table_count;

/* A buffer of its own; NULL for -1. Freed after the case. */
static void *read_table(int32_t *size) {
  *size = read_number();
  if (*size < 0) {
    return NULL;
  }
  void *bytes = malloc((size_t)*size);
  if (bytes == NULL || table_count == 64 || !read_exactly(bytes, (size_t)*size)) {
    exit(2);
  }
  tables[table_count++] = bytes;
  return bytes;
}

static const void *read_pointer(void) {
  int32_t size;
  return read_table(&size);
}

static void read_numbers(int32_t *fields, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    fields[i] = read_number();
  }
}

static void read_rescale(hwk_rescale_t *r) {
  r->rounding = (hwk_rounding_t)read_number();
  r->multipliers = read_pointer();
  r->shifts = read_pointer();
  r->offsets = read_pointer();
  r->multiplier = read_number();
  r->shift = read_number();
  r->lowest_shift = (int8_t)read_number();
  r->highest_shift = (int8_t)read_number();
  r->left_shift = (int8_t)read_number();
  r->input_bits = (int8_t)read_number();
  r->output_bytes = (int8_t)read_number();
  r->offset_step = (int8_t)read_number();
  r->zero_point = read_number();
  r->low = read_number();
  r->high = read_number();
}

/* Structs of int32_t alone are read as arrays. */
#define READ_PLAIN(struct_pointer) \
  read_numbers((int32_t *)(struct_pointer), sizeof *(struct_pointer) / sizeof(int32_t))

static void read_conv2d(hwk_conv2d_t *d) {
  READ_PLAIN(&d->window);
  d->output_channels = read_number();
  d->input_zero_point = read_number();
  d->weights = read_pointer();
  d->bias = read_pointer();
  read_rescale(&d->rescale);
}

static void read_depthwise_conv2d(hwk_depthwise_conv2d_t *d) {
  READ_PLAIN(&d->window);
  d->channel_multiplier = read_number();
  d->input_zero_point = read_number();
  d->weights = read_pointer();
  d->bias = read_pointer();
  read_rescale(&d->rescale);
}

static void read_dense(hwk_dense_t *d) {
  d->rows = read_number();
  d->input_features = read_number();
  d->output_features = read_number();
  d->weights = read_pointer();
  d->bias = read_pointer();
  read_rescale(&d->rescale);
}

static void read_matmul(hwk_matmul_t *d) {
  read_numbers(&d->batches, 4);
  read_numbers(d->a_strides, 3);
  read_numbers(d->b_strides, 3);
  read_numbers(d->zero_points, 2);
  read_rescale(&d->rescale);
}

static void read_add(hwk_add_t *d) {
  d->elements = read_number();
  d->channels = read_number();
  read_numbers(d->zero_points, 2);
  read_rescale(&d->input_rescales[0]);
  read_rescale(&d->input_rescales[1]);
  read_rescale(&d->rescale);
}

static void read_sum_pool(hwk_sum_pool_t *d) {
  READ_PLAIN(&d->window);
  d->input_zero_point = read_number();
  read_rescale(&d->rescale);
}

static void read_requantize(hwk_requantize_t *d) {
  d->elements = read_number();
  d->channels = read_number();
  d->input_zero_point = read_number();
  read_rescale(&d->rescale);
}

static void read_lookup(hwk_lookup_t *d) {
  d->elements = read_number();
  d->input_low = read_number();
  d->table = read_pointer();
}

#include "driver_broadcast.h"

static void read_pool(hwk_pool_t *d) { READ_PLAIN(d); }
static void read_pad(hwk_pad_t *d) { READ_PLAIN(d); }
static void read_concat(hwk_concat_t *d) { READ_PLAIN(d); }
static void read_clamp(hwk_clamp_t *d) { READ_PLAIN(d); }
static void read_argmax(hwk_argmax_t *d) { READ_PLAIN(d); }
static void read_softmax(hwk_softmax_t *d) { READ_PLAIN(d); }

static void read_softmax16(hwk_softmax16_t *d) {
  d->rows = read_number();
  d->depth = read_number();
  d->multiplier = read_number();
  d->shift = read_number();
  d->exponentials = read_pointer();
  d->reciprocals = read_pointer();
}

static void read_softmax_table(hwk_softmax_table_t *d) {
  d->rows = read_number();
  d->depth = read_number();
  d->exponentials = read_pointer();
  read_rescale(&d->rescale);
}

static void read_layer_norm(hwk_layer_norm_t *d) {
  read_numbers(&d->rows, 4);
  d->signs = read_pointer();
  read_rescale(&d->rescale);
}

typedef struct {
  void *inputs[2];
  int32_t input_bytes;
  void *output;
  int32_t output_bytes;
  void *scratch;
  int32_t scratch_bytes;
} buffers_t;

/* One buffer for the output and, `ahead` bytes behind its start, the first input. */
static void join(buffers_t *b, int32_t ahead) {
  size_t behind = (size_t)ahead + (size_t)b->input_bytes;
  size_t output_bytes = (size_t)b->output_bytes;
  int8_t *bytes = malloc(behind > output_bytes ? behind : output_bytes);
  if (bytes == NULL || table_count == 64) {
    exit(2);
  }
  tables[table_count++] = bytes;
  memcpy(bytes, b->output, output_bytes);
  memcpy(bytes + ahead, b->inputs[0], (size_t)b->input_bytes);
  b->output = bytes;
  b->inputs[0] = bytes + ahead;
}

static void read_buffers(buffers_t *b, int inputs, size_t scratch_bytes) {
  int32_t size;
  for (int i = 0; i < inputs; ++i) {
    b->inputs[i] = read_table(i == 0 ? &b->input_bytes : &size);
  }
  int32_t shared = read_number();
  b->output = read_table(&b->output_bytes);
  if (shared >= 0) {
    b->output = b->inputs[shared];
  } else if (shared < -1) {
    join(b, -2 - shared);
  }
  b->scratch_bytes = (int32_t)scratch_bytes;
  b->scratch = scratch_bytes == 0 ? NULL : malloc(scratch_bytes);
  if (scratch_bytes != 0) {
    memset(b->scratch, 0x5a, scratch_bytes);
  }
}

static void answer(const buffers_t *b) {
  fwrite(&b->scratch_bytes, sizeof b->scratch_bytes, 1, stdout);
  fwrite(b->output, 1, (size_t)b->output_bytes, stdout);
  fflush(stdout);
  free(b->scratch);
}

#define CALL_0(name) hwk_##name(&d, b.output, b.scratch)
#define CALL_1(name) hwk_##name(&d, b.inputs[0], b.output, b.scratch)
#define CALL_2(name) hwk_##name(&d, b.inputs[0], b.inputs[1], b.output, b.scratch)
/* Descriptors are static: firmware has them in flash, and its stack is no larger than here. */
#define HWK_KERNEL(name, descriptor, inputs)                  \
  static void run_##name(void) {                              \
    static hwk_##descriptor##_t d;                            \
    buffers_t b;                                              \
    read_##descriptor(&d);                                    \
    read_buffers(&b, inputs, hwk_##name##_scratch_bytes(&d)); \
    CALL_##inputs(name);                                      \
    answer(&b);                                               \
  }
#include "tested_kernels.inc"
#undef HWK_KERNEL

__attribute__((unused)) static int32_t read_packing(hwk_packing_t *p) {
  READ_PLAIN(p);
  return read_number();
}

#define FORM_1(name, descriptor)                                                        \
  static void kernel_##name(const hwk_##descriptor##_t *d, const void *a, void *output, \
                            void *scratch) {                                            \
    hwk_##name(d, a, output, scratch);                                                  \
  }                                                                                     \
  static void form_##name(const hwk_##descriptor##_t *d, const hwk_packing_t *p,        \
                          const buffers_t *b) {                                         \
    hwk_packed_##descriptor(d, p, b->inputs[0], b->output, b->scratch, kernel_##name);  \
  }
#define FORM_2(name, descriptor)                                                         \
  static void kernel_##name(const hwk_##descriptor##_t *d, const void *a, const void *c, \
                            void *output, void *scratch) {                               \
    hwk_##name(d, a, c, output, scratch);                                                \
  }                                                                                      \
  static void form_##name(const hwk_##descriptor##_t *d, const hwk_packing_t *p,         \
                          const buffers_t *b) {                                          \
    hwk_packed_##descriptor(d, p, b->inputs[0], b->inputs[1], b->output, b->scratch,     \
                            kernel_##name);                                              \
  }
#define FORM_0(name, descriptor)                                                 \
  static void form_##name(const hwk_##descriptor##_t *d, const hwk_packing_t *p, \
                          const buffers_t *b) {                                  \
    hwk_packed_##descriptor(d, p, b->inputs[0], b->output);                      \
  }
#define HWK_PACKED(name, descriptor, inputs, form)                    \
  FORM_##form(name, descriptor) static void run_packed_##name(void) { \
    static hwk_packing_t p;                                           \
    static hwk_##descriptor##_t d;                                    \
    buffers_t b;                                                      \
    size_t scratch_bytes = (size_t)read_packing(&p);                  \
    read_##descriptor(&d);                                            \
    read_buffers(&b, inputs, scratch_bytes);                          \
    form_##name(&d, &p, &b);                                          \
    answer(&b);                                                       \
  }
#include "packed_kernels.inc"
#undef HWK_PACKED

#define HWK_KERNEL(name, descriptor, inputs) run_##name,
#define HWK_PACKED(name, descriptor, inputs, form) run_packed_##name,
static void (*const runs[])(void) = {
#include "tested_kernels.inc"
#include "packed_kernels.inc"
};

int main(void) {
  int32_t kernel;
  while (read_exactly(&kernel, sizeof kernel)) {
    if (kernel < 0 || (size_t)kernel >= sizeof runs / sizeof *runs) {
      return 2;
    }
    runs[kernel]();
    while (table_count > 0) {
      free(tables[--table_count]);
    }
  }
  return 0;
}
