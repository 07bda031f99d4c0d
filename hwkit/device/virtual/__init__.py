"""The virtual board: a process of its own, whose UART is a TCP socket.

``python -m hwkit.device.virtual --board virtual_m4 --image firmware.elf`` runs it. Only that
process imports unicorn.
"""
