"""int8 and int16 ``.tflite`` files."""
