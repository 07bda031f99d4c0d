/* What the kernel driver needs of the standard header; libc.c implements it by semihosting. */
#ifndef HWK_TEST_STDIO_H
#define HWK_TEST_STDIO_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  int mode;
  intptr_t handle;
} FILE;

extern FILE *const stdin, *const stdout;

size_t fread(void *to, size_t size, size_t count, FILE *from);
size_t fwrite(const void *from, size_t size, size_t count, FILE *to);
int fflush(FILE *stream);

#endif
