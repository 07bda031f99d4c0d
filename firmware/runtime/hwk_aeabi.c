/* The names under which Arm compilers call the memory functions (Arm, "Run-time ABI for the Arm
 * Architecture", IHI 0043, section 4.3.4). Weak: a C library's win. */
#include <stddef.h>
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
