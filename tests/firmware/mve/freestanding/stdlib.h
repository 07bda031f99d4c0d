/* What the kernel driver needs of the standard header. */
#ifndef HWK_TEST_STDLIB_H
#define HWK_TEST_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void free(void *block);
__attribute__((noreturn)) void exit(int code);

#endif
