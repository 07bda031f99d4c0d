"""A float network and samples of its input to a run folder, without training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hwkit.allocate import plan as plans
from hwkit.errors import ConfigError, ToolMissing
from hwkit.files import real_folder

Say = Callable[[str], None]


def quantize(
    model: str,
    calibration: str | None,
    out: Path,
    say: Say,
    *,
    test: str | None = None,
    state: Path | None = None,
    plan: Path | None = None,
    methods: Sequence[str] = (),
    samples: int = 512,
    **options: Any,
) -> dict[str, Any]:
    """Quantizes ``model`` (see ``train.ptq.source``) into ``out`` with ``samples`` of
    ``calibration`` (see ``train.ptq.samples``); returns the content of ``train.json``.

    ``options`` are fields of ``train.ptq.settings.Settings``. ``say`` is told of progress.
    Raises ``ToolMissing`` without torch, ``ConfigError`` and ``UnsupportedOp`` as that does.
    """
    out = real_folder(out)
    try:
        from hwkit.train.ptq.run import quantize_run
        from hwkit.train.ptq.samples import load_samples
        from hwkit.train.ptq.settings import Settings, with_methods
        from hwkit.train.ptq.source import load_model
    except ModuleNotFoundError as error:
        raise ToolMissing(error.name or "torch", "pip install 'hwkit[train]'") from error

    def progress(phase: str, done: int, total: int) -> None:
        say(f"{out.name}: {phase} {done}/{total}")

    bits = {} if plan is None else dict(plans.load(plan).weight_bits)
    settings = with_methods(Settings(plan=bits, **options), methods)
    module = load_model(model, state)
    if calibration is None:
        raise ConfigError("calibration: none given; give --calibration DATA")
    data = load_samples(calibration).chosen(samples, settings.seed)
    tested = None if test is None else load_samples(test)
    names = (model.rpartition(":")[2] or model, Path(calibration).name)
    return asdict(quantize_run(module, data, out, settings, tested, names, progress))
