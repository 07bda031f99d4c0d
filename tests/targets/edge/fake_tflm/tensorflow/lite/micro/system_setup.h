#ifndef FAKE_SYSTEM_SETUP_H_
#define FAKE_SYSTEM_SETUP_H_

namespace tflite {
void InitializeTarget();
}

#endif // FAKE_SYSTEM_SETUP_H_
