/* What computes each integer by itself, over packed tensors: some at a time, in order. */
#ifndef HWK_PACKED_ELEMENTS_H
#define HWK_PACKED_ELEMENTS_H

#include <hwk_lanes.h>

/* hwk_packed_<descriptor> of one input. */
#define HWK_PACKED_ELEMENTS(descriptor)                                                          \
  typedef void hwk_##descriptor##_function_t(const hwk_##descriptor##_t *d, const void *input,   \
                                             void *output, void *scratch);                       \
  HWK_INLINE void hwk_packed_##descriptor(const hwk_##descriptor##_t *d, const hwk_packing_t *p, \
                                          const void *input, void *output, void *scratch,        \
                                          hwk_##descriptor##_function_t *kernel) {               \
    hwk_##descriptor##_t part = *d;                                                              \
    int8_t *inputs = scratch, *outputs = inputs + p->input_bytes;                                \
    _Pragma("GCC unroll 1") for (int32_t k = 0; k < d->elements; k += p->step) {                 \
      part.elements = hwk_min(d->elements - k, p->step);                                         \
      const void *from = hwk_unpacked(input, k, part.elements, p->input_bits[0], inputs);        \
      void *to = hwk_to_pack(output, k, p->output_bits, outputs);                                \
      kernel(&part, from, to, outputs + p->output_bytes);                                        \
      hwk_packed(output, k, part.elements, p, outputs);                                          \
    }                                                                                            \
  }

HWK_PACKED_ELEMENTS(requantize)
HWK_PACKED_ELEMENTS(clamp)
HWK_PACKED_ELEMENTS(lookup)

typedef void hwk_add_function_t(const hwk_add_t *d, const void *a, const void *b, void *output,
                                void *scratch);

HWK_INLINE void hwk_packed_add(const hwk_add_t *d, const hwk_packing_t *p, const void *a,
                               const void *b, void *output, void *scratch,
                               hwk_add_function_t *kernel) {
  hwk_add_t part = *d;
  int8_t *first = scratch, *second = first + (p->input_bits[0] < 8 ? p->input_bytes : 0);
  int8_t *outputs = second + (p->input_bits[1] < 8 ? p->input_bytes : 0);
#pragma GCC unroll 1
  for (int32_t k = 0; k < d->elements; k += p->step) {
    part.elements = hwk_min(d->elements - k, p->step);
    const void *x = hwk_unpacked(a, k, part.elements, p->input_bits[0], first);
    const void *y = hwk_unpacked(b, k, part.elements, p->input_bits[1], second);
    void *to = hwk_to_pack(output, k, p->output_bits, outputs);
    kernel(&part, x, y, to, outputs + p->output_bytes);
    hwk_packed(output, k, part.elements, p, outputs);
  }
}

#endif
