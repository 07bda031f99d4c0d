/* What a board's flash costs beside its core: caches by what they hold, and reads that go past them. */
#ifndef HWK_FLASH_H
#define HWK_FLASH_H

#include <stdbool.h>
#include <stdint.h>

/* All 0 where there is none; line_bytes is a power of two. */
typedef struct {
  uint32_t size_bytes;
  uint32_t ways;
  uint32_t line_bytes;
} hwk_cache_size_t;

/* miss_cycles  of a line that no cache holds; data_cycles of a read of data where none holds data
 * unified      code and data share the cache `code`
 * prefetch     the line behind the last one of code is read while the core runs
 * All 0: a flash that costs nothing. */
typedef struct {
  uint32_t miss_cycles;
  uint32_t data_cycles;
  uint32_t prefetch;
  uint32_t unified;
  hwk_cache_size_t code;
  hwk_cache_size_t data;
} hwk_flash_timing_t;

/* The lines of a cache, `ways` for each place, the last used first; NULL without a cache. */
typedef struct {
  hwk_cache_size_t size;
  uint32_t places;
  uint64_t *lines;
} hwk_cache_t;

typedef struct {
  hwk_flash_timing_t timing;
  hwk_cache_t code;
  hwk_cache_t data;
  uint64_t last_line;
  uint64_t last_cycle;
} hwk_flash_t;

/* False without memory. */
bool hwk_flash_open(hwk_flash_t *flash, const hwk_flash_timing_t *timing);

/* Whether it costs anything at all. */
bool hwk_flash_counts(const hwk_flash_t *flash);

/* Empties the caches. */
void hwk_flash_reset(hwk_flash_t *flash);

/* Cycles that code of `bytes` at `address` waits for, at the core's `cycle`. */
uint32_t hwk_flash_fetch(hwk_flash_t *flash, uint64_t address, uint32_t bytes, uint64_t cycle);

/* Cycles that a read of data waits for. */
uint32_t hwk_flash_read(hwk_flash_t *flash, uint64_t address);

#endif
