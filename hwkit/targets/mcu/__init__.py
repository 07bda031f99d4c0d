"""Microcontrollers: C kernels, generated tables, a firmware that answers on a serial line."""
