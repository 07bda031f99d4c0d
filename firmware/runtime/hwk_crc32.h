/* CRC-32 of IEEE 802.3 (reflected polynomial 0xEDB88320), equal to zlib.crc32. */
#ifndef HWK_CRC32_H
#define HWK_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* CRC of `size` bytes behind those whose CRC is `crc`, 0 for none. Example: the nine bytes
 * "123456789" give 0xCBF43926. */
uint32_t hwk_crc32(uint32_t crc, const uint8_t *data, size_t size);

#endif
