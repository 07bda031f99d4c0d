/* Runs the model on a known input, over and over, and says how long it takes. */
#include <hwk.h>

void setup() {
  Serial.begin(115200);
  hwk_init();
}

void loop() {
  const unsigned long start = micros();
  const int result = hwk_selftest();
  const unsigned long end = micros();
  Serial.print(HWK_MODEL_NAME);
  Serial.print(result == HWK_OK ? ": self-test passed, us " : ": self-test FAILED, us ");
  Serial.println(end - start);
  delay(1000);
}
