/* The memory functions that a freestanding compiler may call. Weak: a C library's win.
 * Built with -fno-builtin, or the loops below would be compiled into calls of themselves. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Words may alias any type here. */
typedef uint32_t __attribute__((may_alias)) word_t;

#define WORD_BYTES sizeof(word_t)

/* Four words at once: a load and a store of several registers. */
#define BLOCK_BYTES (4u * WORD_BYTES)

static int same_alignment(const void *a, const void *b) {
  return (((uintptr_t)a ^ (uintptr_t)b) & (WORD_BYTES - 1u)) == 0;
}

/* From the first byte on, so that `to` may overlap `from` from below. */
static void copy_up(uint8_t *out, const uint8_t *in, size_t size) {
  if (same_alignment(out, in)) {
    while (size != 0 && ((uintptr_t)out & (WORD_BYTES - 1u)) != 0) {
      *out++ = *in++;
      size--;
    }
    for (; size >= BLOCK_BYTES; size -= BLOCK_BYTES) {
      /* Words one by one: a compiler may make a call of memmove out of a structure's copy. */
      const word_t *read = (const void *)in;
      word_t a = read[0], b = read[1], c = read[2], d = read[3];
      word_t *write = (void *)out;
      write[0] = a, write[1] = b, write[2] = c, write[3] = d;
      out += BLOCK_BYTES;
      in += BLOCK_BYTES;
    }
    for (; size >= WORD_BYTES; size -= WORD_BYTES) {
      *(word_t *)(void *)out = *(const word_t *)(const void *)in;
      out += WORD_BYTES;
      in += WORD_BYTES;
    }
  }
  while (size-- != 0) {
    *out++ = *in++;
  }
}

/* From the last byte on, so that `to` may overlap `from` from above. */
static void copy_down(uint8_t *out, const uint8_t *in, size_t size) {
  if (same_alignment(out, in)) {
    while (size != 0 && ((uintptr_t)(out + size) & (WORD_BYTES - 1u)) != 0) {
      size--;
      out[size] = in[size];
    }
    while (size >= WORD_BYTES) {
      size -= WORD_BYTES;
      *(word_t *)(void *)(out + size) = *(const word_t *)(const void *)(in + size);
    }
  }
  while (size != 0) {
    size--;
    out[size] = in[size];
  }
}

__attribute__((weak)) void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  copy_up(to, from, size);
  return to;
}

__attribute__((weak)) void *memmove(void *to, const void *from, size_t size) {
  if ((uintptr_t)to - (uintptr_t)from >= size) {
    copy_up(to, from, size);
  } else {
    copy_down(to, from, size);
  }
  return to;
}

__attribute__((weak)) void *memset(void *to, int value, size_t size) {
  uint8_t *out = to;
  const uint32_t word = (uint8_t)value * 0x01010101u;
  while (size != 0 && ((uintptr_t)out & (WORD_BYTES - 1u)) != 0) {
    *out++ = (uint8_t)value;
    size--;
  }
  for (; size >= WORD_BYTES; size -= WORD_BYTES) {
    *(word_t *)(void *)out = word;
    out += WORD_BYTES;
  }
  while (size-- != 0) {
    *out++ = (uint8_t)value;
  }
  return to;
}

__attribute__((weak)) int memcmp(const void *left, const void *right, size_t size) {
  const uint8_t *a = left;
  const uint8_t *b = right;
  for (size_t i = 0; i < size; i++) {
    if (a[i] != b[i]) {
      return a[i] < b[i] ? -1 : 1;
    }
  }
  return 0;
}
