/* Runs the memory test over 8 pages: separate ones, or with the pages named by an argument being
 * one and the same memory (a wrong address decoder). Prints wrong reads, bytes, first offset. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hwk_platform.h"

#define PAGES 8
#define PAGE_BYTES 4096

/* The build lets &hwk_bss_end and &hwk_sram_end name these. */
uint32_t *bss_end;
uint32_t *sram_end;

int main(int count, char **arguments) {
  const int file = memfd_create("memory", 0);
  char *memory = mmap((void *)0x10000000, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0);
  if (file < 0 || ftruncate(file, PAGES * PAGE_BYTES) != 0 || memory == MAP_FAILED) {
    return 2;
  }
  if (count > 1) {
    const int page = atoi(arguments[1]);
    mmap(memory + page * PAGE_BYTES, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
         file, (page - 1) * PAGE_BYTES);
  }
  bss_end = (uint32_t *)(void *)memory;
  sram_end = bss_end + PAGES * PAGE_BYTES / 4;
  uint32_t tested_bytes = 0;
  uint32_t first = 0;
  const uint32_t failures = hwk_platform_memory_test(&tested_bytes, &first);
  printf("%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", failures, tested_bytes,
         first == 0 ? 0 : first - 0x10000000u);
  return 0;
}
