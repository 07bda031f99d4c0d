/* The kernel driver's C library on a bare core: the emulator's standard input and output by
 * semihosting ("Semihosting for AArch32 and AArch64", Arm 100863), and memory between guards, so
 * that a kernel that writes outside of its buffers ends the run. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYS_OPEN 0x01
#define SYS_WRITE 0x05
#define SYS_READ 0x06
#define SYS_EXIT_EXTENDED 0x20
#define EXIT_APPLICATION 0x20026
#define OPEN_READ 0
#define OPEN_WRITE 4

#define POOL_BYTES (384 * 1024)
#define GUARD_BYTES 32
#define GUARD 0xA7

static FILE input = {OPEN_READ, -1}, output = {OPEN_WRITE, -1};
FILE *const stdin = &input;
FILE *const stdout = &output;

#ifdef __riscv
#define FIRST "a0"
#define SECOND "a1"
#define CALL                      \
  ".option push\n.option norvc\n" \
  ".balign 16\n"                  \
  "slli zero, zero, 0x1f\n"       \
  "ebreak\n"                      \
  "srai zero, zero, 7\n"          \
  ".option pop\n"
#else
#define FIRST "r0"
#define SECOND "r1"
#define CALL "bkpt 0xab"
#endif

static intptr_t ask_host(uintptr_t operation, const uintptr_t *parameters) {
  register uintptr_t first __asm__(FIRST) = operation;
  register const uintptr_t *second __asm__(SECOND) = parameters;
  __asm__ volatile(CALL : "+r"(first) : "r"(second) : "memory");
  return (intptr_t)first;
}

/* Every count is the number of bytes that were not moved. */
static size_t transfer(uintptr_t operation, FILE *file, void *bytes, size_t size) {
  static const char console[] = ":tt";
  if (file->handle < 0) {
    const uintptr_t open[3] = {(uintptr_t)console, (uintptr_t)file->mode, sizeof console - 1};
    file->handle = ask_host(SYS_OPEN, open);
  }
  size_t left = size;
  while (left != 0) {
    const uintptr_t block[3] = {(uintptr_t)file->handle, (uintptr_t)bytes + (size - left), left};
    const size_t rest = (size_t)ask_host(operation, block);
    if (rest == left) {
      break;
    }
    left = rest;
  }
  return left;
}

__attribute__((noreturn)) void exit(int code) {
  const uintptr_t reason[2] = {EXIT_APPLICATION, (uintptr_t)code};
  for (;;) {
    ask_host(SYS_EXIT_EXTENDED, reason);
  }
}

size_t fread(void *to, size_t size, size_t count, FILE *from) {
  if (transfer(SYS_READ, from, to, size * count) != 0) {
    exit(0); /* the end of the cases */
  }
  return count;
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *to) {
  return transfer(SYS_WRITE, to, (void *)(uintptr_t)from, size * count) == 0 ? count : 0;
}

int fflush(FILE *stream) {
  (void)stream;
  return 0;
}

/* In memory: size, guard, the block, guard up to a multiple of 4. */
typedef struct {
  size_t size;
  uint8_t guard[GUARD_BYTES];
} header_t;

static _Alignas(16) uint8_t pool[POOL_BYTES];
static size_t used;
static int blocks;

void *malloc(size_t size) {
  const size_t needed = (sizeof(header_t) + size + GUARD_BYTES + 3) & ~(size_t)3;
  if (needed > POOL_BYTES - used) {
    return NULL;
  }
  header_t *header = (header_t *)(void *)(pool + used);
  uint8_t *block = pool + used + sizeof *header;
  header->size = size;
  memset(header->guard, GUARD, GUARD_BYTES);
  memset(block + size, GUARD, GUARD_BYTES);
  used += needed;
  ++blocks;
  return block;
}

static void check_guard(const uint8_t *guard) {
  for (size_t i = 0; i < GUARD_BYTES; ++i) {
    if (guard[i] != GUARD) {
      static const char message[] = "written outside of a buffer";
      fwrite(message, 1, sizeof message - 1, stdout);
      exit(3);
    }
  }
}

/* All memory is new again once every block is free. */
void free(void *block) {
  if (block == NULL) {
    return;
  }
  const header_t *header = (const header_t *)block - 1;
  check_guard(header->guard);
  check_guard((const uint8_t *)block + header->size);
  if (--blocks == 0) {
    used = 0;
  }
}
