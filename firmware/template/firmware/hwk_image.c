/* From firmware.elf to the forms in which programmers take it: .bin, .hex and .uf2 beside it.
 *
 *   hwk_image firmware.elf BOOT2_BYTES UF2_FAMILY
 *
 * BOOT2_BYTES is the length of the boot stage in section .boot, into whose last word its CRC is
 * written first, 0 without one; UF2_FAMILY the family number of the .uf2 file, 0 without one.
 * Runs on the machine that builds. Exit code 1 and one line when the image is not one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 64 << 20, PAGE_BYTES = 256, BLOCK_BYTES = 512, ROW_BYTES = 16 };

static uint8_t *elf;
static size_t elf_bytes;
static const char *elf_path;

static void fail(const char *what) {
  fprintf(stderr, "hwk_image: %s: %s\n", elf_path, what);
  exit(1);
}

static uint32_t word(const uint8_t *at, int bytes) {
  uint32_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) value = value << 8 | at[i];
  return value;
}

static void put_word(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = (uint8_t)(value >> (8 * i));
}

/* size bytes of the file from offset on, all of which must be there. */
static uint8_t *span(uint32_t offset, uint32_t size) {
  if (offset > elf_bytes || size > elf_bytes - offset) fail("cut short");
  return elf + offset;
}

static uint32_t field(uint32_t offset, int bytes) {
  return word(span(offset, (uint32_t)bytes), bytes);
}

/* The RP2040's CRC-32: most significant bit first, all ones to start with, not inverted. */
static uint32_t crc32(const uint8_t *data, uint32_t size) {
  uint32_t crc = 0xFFFFFFFFu;
  for (uint32_t i = 0; i < size; ++i) {
    crc ^= (uint32_t)data[i] << 24;
    for (int bit = 0; bit < 8; ++bit) crc = crc << 1 ^ (crc >> 31 ? 0x04C11DB7u : 0u);
  }
  return crc;
}

static void seal(uint32_t boot2_bytes) {
  uint32_t headers = field(32, 4), step = field(46, 2), count = field(48, 2);
  uint32_t names = field(headers + step * field(50, 2) + 16, 4);
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t header = headers + step * i, name = names + field(header, 4);
    if (memcmp(span(name, 6), ".boot", 6) != 0) continue;
    if (field(header + 20, 4) != boot2_bytes) fail("its boot stage has another length");
    uint8_t *boot = span(field(header + 16, 4), boot2_bytes);
    put_word(boot + boot2_bytes - 4, crc32(boot, boot2_bytes - 4));
    return;
  }
  fail("no section .boot");
}

/* The path of the image with another ending, open for writing. */
static FILE *beside(const char *ending) {
  size_t stem = strlen(elf_path) - 4;
  char *path = malloc(stem + strlen(ending) + 1);
  if (path == NULL) fail("out of memory");
  memcpy(path, elf_path, stem);
  strcpy(path + stem, ending);
  FILE *file = fopen(path, "wb");
  if (file == NULL) fail("a file beside it cannot be written");
  free(path);
  return file;
}

static void finish(FILE *file) {
  int failed = ferror(file);
  if (fclose(file) != 0 || failed) fail("a file beside it cannot be written");
}

static void record(FILE *hex, uint32_t at, uint8_t kind, const uint8_t *data, uint32_t size) {
  uint8_t sum = (uint8_t)(size + (at >> 8) + at + kind);
  fprintf(hex, ":%02X%04X%02X", size, at & 0xFFFFu, kind);
  for (uint32_t i = 0; i < size; ++i) {
    fprintf(hex, "%02X", data[i]);
    sum = (uint8_t)(sum + data[i]);
  }
  fprintf(hex, "%02X\n", (uint8_t)-sum);
}

static void big_endian(uint8_t *at, uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i, value >>= 8) at[i] = (uint8_t)value;
}

typedef struct {
  uint32_t address, size;
  const uint8_t *data;
} segment_t;

static int by_address(const void *a, const void *b) {
  uint32_t left = ((const segment_t *)a)->address, right = ((const segment_t *)b)->address;
  return (left > right) - (left < right);
}

static uint32_t segments(segment_t *found, uint32_t most) {
  uint32_t headers = field(28, 4), step = field(42, 2), count = field(44, 2), made = 0;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t header = headers + step * i, size = field(header + 16, 4);
    if (field(header, 4) != 1 || size == 0) continue;
    if (made == most) fail("too many segments");
    segment_t segment = {field(header + 12, 4), size, span(field(header + 4, 4), size)};
    found[made++] = segment;
  }
  qsort(found, made, sizeof found[0], by_address);
  return made;
}

static void write_hex(const segment_t *found, uint32_t count) {
  FILE *hex = beside(".hex");
  uint32_t upper = 0;
  uint8_t bytes[4];
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t at = 0; at < found[i].size;) {
      uint32_t address = found[i].address + at, size = found[i].size - at;
      if (address >> 16 != upper) {
        upper = address >> 16;
        big_endian(bytes, upper, 2);
        record(hex, 0, 4, bytes, 2);
      }
      if (size > ROW_BYTES) size = ROW_BYTES;
      if (size > 0x10000u - (address & 0xFFFFu)) size = 0x10000u - (address & 0xFFFFu);
      record(hex, address & 0xFFFFu, 0, found[i].data + at, size);
      at += size;
    }
  }
  big_endian(bytes, field(24, 4), 4);
  record(hex, 0, 5, bytes, 4);
  record(hex, 0, 1, NULL, 0);
  finish(hex);
}

static void write_uf2(const uint8_t *memory, uint32_t size, uint32_t start, uint32_t family) {
  FILE *uf2 = beside(".uf2");
  uint32_t count = (size + PAGE_BYTES - 1) / PAGE_BYTES;
  for (uint32_t number = 0; number < count; ++number) {
    uint8_t block[BLOCK_BYTES] = {0};
    uint32_t at = number * PAGE_BYTES, left = size - at;
    uint32_t fields[] = {0x0A324655u, 0x9E5D5157u, 0x2000u, start + at, PAGE_BYTES, number,
                         count,       family};
    for (int i = 0; i < 8; ++i) put_word(block + 4 * i, fields[i]);
    memset(block + 32, 0xFF, PAGE_BYTES);
    memcpy(block + 32, memory + at, left < PAGE_BYTES ? left : PAGE_BYTES);
    put_word(block + BLOCK_BYTES - 4, 0x0AB16F30u);
    fwrite(block, 1, sizeof block, uf2);
  }
  finish(uf2);
}

static void load(void) {
  size_t length = strlen(elf_path);
  if (length < 4 || strcmp(elf_path + length - 4, ".elf") != 0) fail("its name must end in .elf");
  FILE *file = fopen(elf_path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail("cannot be read");
  long size = ftell(file);
  if (size < 52 || size > MOST_BYTES) fail("not an ELF image");
  elf_bytes = (size_t)size;
  elf = malloc(elf_bytes);
  rewind(file);
  if (elf == NULL || fread(elf, 1, elf_bytes, file) != elf_bytes) fail("cannot be read");
  fclose(file);
  if (memcmp(elf, "\177ELF\1\1", 6) != 0) fail("not a 32-bit little-endian ELF image");
}

static void save(void) {
  FILE *file = fopen(elf_path, "r+b");
  if (file == NULL) fail("cannot be written");
  fwrite(elf, 1, elf_bytes, file);
  finish(file);
}

int main(int count, char **arguments) {
  elf_path = count == 4 ? arguments[1] : "usage";
  if (count != 4) fail("firmware.elf BOOT2_BYTES UF2_FAMILY");
  uint32_t boot2_bytes = (uint32_t)strtoul(arguments[2], NULL, 0);
  uint32_t family = (uint32_t)strtoul(arguments[3], NULL, 0);
  load();
  if (boot2_bytes >= 4) {
    seal(boot2_bytes);
    save();
  }
  segment_t found[32];
  uint32_t made = segments(found, 32), start, size = 0;
  if (made == 0) fail("no bytes to load");
  start = found[0].address;
  for (uint32_t i = 0; i < made; ++i) {
    uint32_t end = found[i].address - start;
    if (end > MOST_BYTES || found[i].size > MOST_BYTES - end) fail("not one memory");
    if (end + found[i].size > size) size = end + found[i].size;
  }
  uint8_t *memory = malloc(size);
  if (memory == NULL) fail("out of memory");
  memset(memory, 0xFF, size); /* erased flash */
  for (uint32_t i = 0; i < made; ++i) {
    memcpy(memory + (found[i].address - start), found[i].data, found[i].size);
  }
  FILE *binary = beside(".bin");
  fwrite(memory, 1, size, binary);
  finish(binary);
  write_hex(found, made);
  if (family != 0) write_uf2(memory, size, start, family);
  free(memory);
  free(elf);
  return 0;
}
