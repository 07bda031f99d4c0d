"""All benchmarks, then the tables: python -m benchmarks"""

from __future__ import annotations

from benchmarks import interpreter, kernels, models, stages, table

if __name__ == "__main__":
    interpreter.main([])
    kernels.main()
    models.main([])
    stages.main()
    table.main([])
