"""A float network and samples of its input to a run folder, without training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hwkit.allocate import plan as plans
from hwkit.errors import ConfigError, ToolMissing
from hwkit.files import real_folder
from hwkit.flow.carry import pairs_of
from hwkit.flow.whole import child_for
from hwkit.formats import stamped
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.targets.edge.loaded import Loaded

Say = Callable[[str], None]
_LITERT = "litert"
"""Its reference kernels lack some of the operators of float."""


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
    shape: str | None = None,
    carry: Sequence[str] = (),
    **options: Any,
) -> dict[str, Any]:
    """Quantizes ``model`` (see ``train.ptq.source``) into ``out`` with ``samples`` of
    ``calibration`` (see ``train.ptq.samples``); returns the content of ``train.json``.

    Without ``calibration`` samples of ``shape`` (``3x32x32``) are made from the network's batch
    norms (``train.ptq.distilled``). ``carry``: states of an ``.onnx`` file, each as IN=OUT.
    ``options`` are fields of ``train.ptq.settings.Settings``;
    ``say`` is told of progress. Raises ``ToolMissing`` without torch, ``ConfigError`` and
    ``UnsupportedOp`` as that does.
    """
    out = real_folder(out)
    try:
        from hwkit.train.ptq.distilled import blank, made_up
        from hwkit.train.ptq.onnx_plain import as_float
        from hwkit.train.ptq.onnx_step import load_onnx_step
        from hwkit.train.ptq.run import quantize_run
        from hwkit.train.ptq.samples import as_tensor, load_samples
        from hwkit.train.ptq.settings import Settings, with_methods
        from hwkit.train.ptq.several import packed
        from hwkit.train.ptq.source import is_file, is_tflite, load_model
        from hwkit.train.ptq.steps import steps_of, steps_of_call
    except ModuleNotFoundError as error:
        raise ToolMissing(error.name or "torch", "pip install 'hwkit[train]'") from error

    def progress(phase: str, done: int, total: int) -> None:
        say(f"{out.name}: {phase} {done}/{total}")

    bits = {} if plan is None else dict(plans.load(plan).weight_bits)
    settings = with_methods(Settings(plan=bits, **options), methods)
    pairs = _pairs(model, carry)
    settings = replace(settings, streaming=settings.streaming or 1) if pairs else settings
    last, stepped, block = is_tflite(model), None, settings.streaming
    if block and calibration is None:
        raise ConfigError("streaming: states need sequences to calibrate; give --calibration DATA")
    if calibration is not None:
        data = load_samples(calibration, last).chosen(samples, settings.seed)
        first = as_tensor(data.x[:1, :block] if block else data.x[:1])
        if pairs:
            with as_float(Path(model)) as path:
                call, shapes = load_onnx_step(path, first, pairs)
            stepped = steps_of_call(call, shapes, data, block, settings.seed)
        else:
            given = load_model(model, as_tensor(data.x[:1]), state, run_litert)
            if block:
                one = load_model(model, first, None, run_litert) if is_file(model) else given
                stepped = steps_of(given, one, data, block, settings.seed)
            else:
                module, data = packed(given, data)
        if stepped is not None:
            module, data = stepped.module, stepped.samples
    else:
        sample = blank(shape)
        given = module = load_model(model, sample, state, run_litert)
        data = made_up(module, sample, samples, settings.seed, progress)
    tested = None if test is None else load_samples(test, last)
    if tested is not None and stepped is None:
        tested = packed(given, tested)[1]
    source = "batch norms" if calibration is None else Path(calibration).name
    names = (model.rpartition(":")[2] or Path(model).stem, source)
    return asdict(quantize_run(module, data, out, settings, tested, names, progress, stepped))


def _pairs(model: str, carry: Sequence[str]) -> dict[str, str]:
    """Example: ``h=h_next`` is an input ``h`` that becomes the output ``h_next``."""
    pairs = pairs_of(carry)
    if pairs and Path(model).suffix.lower() != ".onnx":
        raise ConfigError(
            f"--carry: names inputs and outputs of an .onnx; {model} keeps its states in its "
            "layers, use --streaming alone"
        )
    return pairs


def run_litert(model: bytes, x: Array) -> Array:
    """The output of a float ``.tflite`` in LiteRT for ``x`` (N, *shape in the file)."""
    child = child_for(_LITERT, "the float .tflite")
    return Loaded(_LITERT, model, child=child).run([x])[0]


def quantize_module(
    module: Any,
    batches: Any,
    out: Path | None = None,
    *,
    test: Any = None,
    methods: Sequence[str] = (),
    **options: Any,
) -> Graph | dict[str, Any]:
    """See ``hwkit.quantize``."""
    try:
        from hwkit.train.ptq.run import quantize_run, quantized_graph
        from hwkit.train.ptq.samples import gathered
        from hwkit.train.ptq.settings import settings_of, with_methods
        from hwkit.train.ptq.several import packed
        from hwkit.train.ptq.steps import steps_of
    except ModuleNotFoundError as error:
        raise ToolMissing(error.name or "torch", "pip install 'hwkit[train]'") from error
    settings = with_methods(settings_of(options), methods)
    given, data, stepped = module, gathered(batches), None
    if settings.streaming:
        stepped = steps_of(given, given, data, settings.streaming, settings.seed)
        module, data = stepped.module, stepped.samples
    else:
        module, data = packed(given, data)
    if out is None:
        return quantized_graph(module, data, settings, stepped)
    tested = None if test is None else gathered(test)
    if tested is not None and stepped is None:
        tested = packed(given, tested)[1]
    names = (type(module).__name__, "samples")
    report = quantize_run(module, data, real_folder(out), settings, tested, names, stepped=stepped)
    return stamped("train.json", asdict(report))
