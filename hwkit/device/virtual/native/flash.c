#include "flash.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY (UINT64_MAX - 1u) /* no line comes behind it */

static bool open_cache(hwk_cache_t *cache, const hwk_cache_size_t *size) {
  *cache = (hwk_cache_t){*size, 0, NULL};
  if (size->size_bytes == 0) {
    return true;
  }
  cache->places = size->size_bytes / (size->line_bytes * size->ways);
  cache->lines = malloc((size_t)cache->places * size->ways * sizeof *cache->lines);
  return cache->lines != NULL;
}

static void empty(hwk_cache_t *cache) {
  for (uint32_t k = 0; k < cache->places * cache->size.ways; k++) {
    cache->lines[k] = EMPTY;
  }
}

bool hwk_flash_open(hwk_flash_t *flash, const hwk_flash_timing_t *timing) {
  flash->timing = *timing;
  if (!open_cache(&flash->code, &timing->code) || !open_cache(&flash->data, &timing->data)) {
    return false;
  }
  hwk_flash_reset(flash);
  return true;
}

bool hwk_flash_counts(const hwk_flash_t *flash) {
  return flash->timing.miss_cycles != 0 || flash->timing.data_cycles != 0;
}

void hwk_flash_reset(hwk_flash_t *flash) {
  empty(&flash->code);
  empty(&flash->data);
  flash->last_line = EMPTY;
  flash->last_cycle = 0;
}

/* Whether the line is there; it is afterwards, as the last one used. */
static bool hit(hwk_cache_t *cache, uint64_t line) {
  uint64_t *ways = cache->lines + line % cache->places * cache->size.ways;
  uint32_t at = 0;
  while (at + 1u < cache->size.ways && ways[at] != line) {
    at++;
  }
  const bool found = ways[at] == line;
  memmove(ways + 1, ways, at * sizeof *ways);
  ways[0] = line;
  return found;
}

static uint32_t missed(hwk_flash_t *flash, uint64_t line, uint64_t cycle) {
  const uint32_t whole = flash->timing.miss_cycles;
  if (flash->timing.prefetch == 0 || line != flash->last_line + 1u) {
    return whole;
  }
  const uint64_t since = cycle - flash->last_cycle;
  return since >= whole ? 0 : whole - (uint32_t)since;
}

uint32_t hwk_flash_fetch(hwk_flash_t *flash, uint64_t address, uint32_t bytes, uint64_t cycle) {
  if (flash->code.lines == NULL) {
    return 0;
  }
  uint32_t waits = 0;
  const uint64_t last = (address + bytes - 1u) / flash->code.size.line_bytes;
  for (uint64_t line = address / flash->code.size.line_bytes; line <= last; line++) {
    if (line == flash->last_line) {
      continue;
    }
    if (!hit(&flash->code, line)) {
      waits += missed(flash, line, cycle + waits);
    }
    flash->last_line = line;
    flash->last_cycle = cycle + waits;
  }
  return waits;
}

uint32_t hwk_flash_read(hwk_flash_t *flash, uint64_t address) {
  hwk_cache_t *cache = flash->timing.unified != 0 ? &flash->code : &flash->data;
  if (cache->lines == NULL) {
    return flash->timing.data_cycles;
  }
  return hit(cache, address / cache->size.line_bytes) ? 0 : flash->timing.miss_cycles;
}
