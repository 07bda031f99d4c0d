/* What Arm compilers call by name: memory functions and shifts of 64 bits (Arm, "Run-time ABI for
 * the Arm Architecture", IHI 0043, sections 4.3.4 and 4.2). Weak: a C library's win. With these, a
 * model on a core with 64-bit products needs nothing of the compiler's own library. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HWK_WEAK __attribute__((weak))

void __aeabi_memcpy(void *to, const void *from, size_t size);
void __aeabi_memcpy4(void *to, const void *from, size_t size);
void __aeabi_memcpy8(void *to, const void *from, size_t size);
void __aeabi_memmove(void *to, const void *from, size_t size);
void __aeabi_memset(void *to, size_t size, int value);
void __aeabi_memset4(void *to, size_t size, int value);
void __aeabi_memset8(void *to, size_t size, int value);
void __aeabi_memclr(void *to, size_t size);
void __aeabi_memclr4(void *to, size_t size);
void __aeabi_memclr8(void *to, size_t size);

HWK_WEAK void __aeabi_memcpy(void *to, const void *from, size_t size) { memcpy(to, from, size); }
HWK_WEAK void __aeabi_memcpy4(void *to, const void *from, size_t size) { memcpy(to, from, size); }
HWK_WEAK void __aeabi_memcpy8(void *to, const void *from, size_t size) { memcpy(to, from, size); }
HWK_WEAK void __aeabi_memmove(void *to, const void *from, size_t size) { memmove(to, from, size); }
HWK_WEAK void __aeabi_memset(void *to, size_t size, int value) { memset(to, value, size); }
HWK_WEAK void __aeabi_memset4(void *to, size_t size, int value) { memset(to, value, size); }
HWK_WEAK void __aeabi_memset8(void *to, size_t size, int value) { memset(to, value, size); }
HWK_WEAK void __aeabi_memclr(void *to, size_t size) { memset(to, 0, size); }
HWK_WEAK void __aeabi_memclr4(void *to, size_t size) { memset(to, 0, size); }
HWK_WEAK void __aeabi_memclr8(void *to, size_t size) { memset(to, 0, size); }

/* Shifts by 0..63, of halves: a shift of the whole would call itself. */
uint64_t __aeabi_llsl(uint64_t value, int shift);
int64_t __aeabi_lasr(int64_t value, int shift);

static uint64_t joined(uint32_t high, uint32_t low) { return (uint64_t)high << 32 | low; }

HWK_WEAK uint64_t __aeabi_llsl(uint64_t value, int shift) {
  uint32_t low = (uint32_t)value, high = (uint32_t)(value >> 32);
  if (shift >= 32)
    return joined(low << (shift - 32), 0);
  if (shift == 0)
    return value;
  return joined(high << shift | low >> (32 - shift), low << shift);
}

HWK_WEAK int64_t __aeabi_lasr(int64_t value, int shift) {
  uint32_t low = (uint32_t)value;
  int32_t high = (int32_t)(value >> 32);
  if (shift >= 32)
    return (int64_t)joined((uint32_t)(high >> 31), (uint32_t)(high >> (shift - 32)));
  if (shift == 0)
    return value;
  return (int64_t)joined((uint32_t)(high >> shift), (uint32_t)high << (32 - shift) | low >> shift);
}
