"""Runs one program of a few instructions on each core that QEMU is for: it ends by a semihosting
call, which QEMU turns into exit code 0."""

import struct
import subprocess
import sys
from pathlib import Path

EXIT = struct.pack("<I", 0x20026)  # SYS_EXIT's reason "application exit"

# mov r0, #0x18; ldr r1, EXIT; bkpt 0xab - after the stack pointer and the entry point.
ARM = struct.pack("<II3HH", 0x1000, 0x9, 0x2018, 0x4901, 0xBEAB, 0xBF00) + EXIT
# li a0, 0x18; lui a1, 0x20; addi a1, a1, 0x26; slli x0, x0, 0x1f; ebreak; srai x0, x0, 7
RISCV = struct.pack("<6I", 0x01800513, 0x000205B7, 0x02658593, 0x01F01013, 0x00100073, 0x40705013)

QUIET = ("-display", "none", "-monitor", "none", "-serial", "none")
RUNS = (
    ("qemu-system-arm", ARM, ("-M", "mps3-an547")),
    ("qemu-system-riscv32", RISCV, ("-M", "virt", "-bios", "none")),
)

for name, code, machine in RUNS:
    image = Path(f"{name}.bin")
    image.write_bytes(code)
    command = [str(Path(sys.argv[1]) / name), *machine, *QUIET]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(image)]
    subprocess.run(command, check=True, timeout=30)
    print(f"{name} runs")
