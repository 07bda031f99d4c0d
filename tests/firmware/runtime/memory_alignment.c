/* Copies and fills at every alignment, for sizes around a block. UBSan ends the program at the first
 * word that is not where words may lie: some cores trap there, this machine does not. */
#include <stddef.h>
#include <stdint.h>

void *probe_memcpy(void *restrict to, const void *restrict from, size_t size);
void *probe_memset(void *to, int value, size_t size);

static uint8_t target[64] __attribute__((aligned(16)));
static uint8_t source[64] __attribute__((aligned(16)));

int main(void) {
  for (size_t size = 0; size <= 40; size++) {
    for (size_t to = 0; to < 8; to++) {
      probe_memset(target + to, 1, size);
      for (size_t from = 0; from < 8; from++) {
        probe_memcpy(target + to, source + from, size);
      }
    }
  }
  return 0;
}
