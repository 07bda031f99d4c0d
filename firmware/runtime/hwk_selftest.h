/* The model on the inputs that hwk_model.h defines for the self-test. */
#ifndef HWK_SELFTEST_H
#define HWK_SELFTEST_H

#include <stdint.h>

/* Resets the states, fills the inputs and runs every layer, selftest_steps times, resets the states
 * again and returns the CRC-32 of all outputs: equal to hwk_model_info.selftest_crc32 when all is
 * well. */
uint32_t hwk_selftest_run(void);

#endif
