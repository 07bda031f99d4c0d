#ifndef FAKE_MICRO_LOG_H_
#define FAKE_MICRO_LOG_H_

void MicroPrintf(const char *format, ...);

#endif // FAKE_MICRO_LOG_H_
