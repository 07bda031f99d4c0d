"""All benchmarks but ``qfx``, ``quantize`` and ``search`` (data sets of the user's), ``doors``
(time) and ``fuzz``, which measures nothing, then the tables: python -m benchmarks"""

from __future__ import annotations

import os
import sys

from benchmarks import (
    alternatives,
    bars,
    binary,
    bitstreams,
    cores,
    doors_static,
    doors_tflite,
    finn,
    firmware_sanitized,
    flags,
    hls4ml,
    interpreter,
    jets,
    kernels,
    mlperf_tiny,
    models,
    moved,
    patches,
    patches_mcu,
    patches_tflm,
    peers,
    pipelines,
    published,
    scalar,
    stages,
    table,
    wakeword,
    zbb,
)

_BUSY = 0.5
"""Load average above which other work visibly slows what is timed."""


def main() -> None:
    """Runs them one after the other; wall-clock figures want a machine without other work."""
    if (load := os.getloadavg()[0]) > _BUSY:
        print(f"warning: load average {load:.1f}; measured figures will be worse", file=sys.stderr)
    interpreter.main([])
    kernels.main()
    alternatives.main()
    scalar.main([])
    zbb.main([])
    models.main([])
    mlperf_tiny.main([])
    bars.main()
    peers.main()
    published.main([])
    wakeword.main([])
    moved.main([])
    patches.main([])
    patches_mcu.main([])
    patches_tflm.main([])
    flags.main()
    cores.main([])
    doors_tflite.main([])
    doors_static.main([])
    stages.main()
    hls4ml.main()
    jets.main([])
    pipelines.main()
    finn.main([])
    bitstreams.main([])
    binary.main([])
    firmware_sanitized.main([])
    table.main([])


if __name__ == "__main__":
    main()
