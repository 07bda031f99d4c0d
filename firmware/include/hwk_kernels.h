/* The kernels' interface. A kernel lives in firmware/kernels/<variant>/hwk_<name>.h and is
 * listed, once, in firmware/kernels/kernels.inc; the build picks the variant by the order of its
 * include folders (so kernels include each other with <>). Every kernel <name> with descriptor type hwk_<descriptor>_t is
 *
 *   void hwk_<name>(const hwk_<descriptor>_t *d, input(s), output, void *scratch)
 *   size_t hwk_<name>_scratch_bytes(const hwk_<descriptor>_t *d)
 *
 * input    const int8_t * (const int16_t *, const int32_t * where the name says s16, s32), layout
 *          and range as the descriptor says; aligned to 4 bytes
 * output   written whole; must not overlap an input unless the descriptor allows it; aligned
 *          to 4 bytes
 * scratch  owned by the caller: scratch_bytes(d) bytes, aligned to 4, contents undefined before
 *          and after; may be NULL when that is 0
 *
 * Names: hwk_<op>_<input>[_<weights>], s4 meaning packed 4-bit weights and `long` sums of 64 bits.
 * No kernel allocates, recurses or keeps state; the stack that each takes is bounded and small.
 */
#ifndef HWK_KERNELS_H
#define HWK_KERNELS_H

#include "hwk_descriptors.h"
#include "hwk_kernel.h"
#include "hwk_weights.h"

/* The twin of a kernel that needs no scratch memory. */
#define HWK_NO_SCRATCH(name, descriptor)                                        \
  HWK_INLINE size_t hwk_##name##_scratch_bytes(const hwk_##descriptor##_t *d) { \
    (void)d;                                                                    \
    return 0;                                                                   \
  }

#endif
