/* The model on the input that hwk_model.h defines for the self-test. */
#ifndef HWK_SELFTEST_H
#define HWK_SELFTEST_H

#include <stdint.h>

/* Fills the input, runs every layer and returns the CRC-32 of the output bytes: equal to
 * hwk_model_info.selftest_crc32 when all is well. */
uint32_t hwk_selftest_run(void);

#endif
