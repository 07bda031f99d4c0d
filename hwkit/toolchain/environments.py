"""The tools that live in environments of their own, and every package of each, pinned.

A tool moves in here when its pins fight those of hwkit. Wheels come from PyPI, so that what a
new version of some package brings never changes what runs here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwkit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Package:
    """A package of PyPI in exactly ``version``.

    ``shared``: one that is installed beside hwkit serves as well when its version starts with
    this; "" for a package that the tool must have to itself.
    Example: ``Package("torch", "2.13.0", "2.")`` is not downloaded again where torch 2.9 is.
    """

    name: str
    version: str
    shared: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """A tool: what it is for, its packages, and ``check``, a program in ``toolchain/checks`` that
    ends well only if the tool works. ``variables`` are set wherever it runs."""

    name: str
    title: str
    packages: tuple[Package, ...]
    check: str
    variables: Mapping[str, str] = field(default_factory=dict)


_FINN = Environment(
    name="finn",
    title="FINN dataflow compiler (finn-plus), for board finn_sim",
    check="finn_converts.py",
    packages=(
        Package("finn-plus", "1.6.1"),
        Package("onnxruntime", "1.25.1"),
        Package("protobuf", "5.29.6"),
        Package("bitstring", "4.3.1"),
        Package("bitarray", "3.12.3"),
        Package("rich", "13.9.4"),
        Package("mip", "1.17.0"),
        Package("cffi", "2.1.1"),
        Package("pycparser", "3.12"),
        Package("mashumaro", "3.17"),
        Package("pydantic", "2.14.3"),
        Package("pydantic_core", "2.50.4"),
        Package("annotated-types", "0.8.0"),
        Package("typing-inspection", "0.4.5"),
        Package("onnx-passes", "0.4.1"),
        Package("psutil", "7.2.2"),
        Package("numpy", "2.4.6", "2."),
        Package("onnx", "1.21.0", "1.21."),
        Package("qonnx", "1.0.0", "1.0."),
        Package("onnx-ir", "1.1.0", "1."),
        Package("onnxscript", "0.7.2", "0.7."),
        Package("onnxoptimizer", "0.4.2", "0.4."),
        Package("ml_dtypes", "0.6.0", "0."),
        Package("torch", "2.13.0", "2."),
        Package("filelock", "4.2.11", "4."),
        Package("fsspec", "2026.9.0", "20"),
        Package("networkx", "3.6.1", "3."),
        Package("sympy", "1.14.0", "1."),
        Package("mpmath", "1.3.0", "1."),
        Package("Jinja2", "3.1.6", "3."),
        Package("MarkupSafe", "3.0.4", "3."),
        Package("setuptools", "80.10.2", "80."),
        Package("scipy", "1.17.1", "1."),
        Package("scikit-learn", "1.9.1", "1."),
        Package("joblib", "1.6.0", "1."),
        Package("threadpoolctl", "3.8.0", "3."),
        Package("narwhals", "2.28.0", "2."),
        Package("pandas", "3.1.1", "3."),
        Package("python-dateutil", "4.0.0", "4."),
        Package("attrs", "26.1.0", "2"),
        Package("clize", "5.0.2", "5."),
        Package("sigtools", "4.0.1", "4."),
        Package("od", "2.0.2", "2."),
        Package("docutils", "0.23", "0."),
        Package("toposort", "1.10", "1."),
        Package("tqdm", "4.70.1", "4."),
        Package("click", "8.5.1", "8."),
        Package("PyYAML", "6.0.3", "6."),
        Package("Pygments", "2.21.0", "2."),
        Package("markdown-it-py", "4.3.0", "4."),
        Package("mdurl", "0.1.2", "0."),
        Package("packaging", "26.3", "2"),
        Package("cloudpickle", "3.1.2", "3."),
        Package("typing_extensions", "4.16.0", "4."),
    ),
)

_TFLITE_RUNTIME = Environment(
    name="tflite-runtime",
    title="TensorFlow Lite runtime, which needs numpy 1, for board host_tflite_runtime",
    check="tflite_runs.py",
    packages=(
        Package("tflite-runtime", "2.14.0"),
        Package("numpy", "1.26.4"),
        Package("click", "8.5.1", "8."),
        Package("flatbuffers", "25.12.19", "2"),
    ),
)

_OPENVINO = Environment(
    name="openvino",
    title="OpenVINO, for board host_openvino",
    check="openvino_runs.py",
    packages=(Package("openvino", "2026.4.1"), Package("numpy", "2.4.6", "2.")),
)

ENVIRONMENTS: Mapping[str, Environment] = {
    environment.name: environment for environment in (_FINN, _TFLITE_RUNTIME, _OPENVINO)
}


def environment(name: str) -> Environment:
    """The tool called ``name``; ``ConfigError`` lists the known ones when there is none."""
    if name not in ENVIRONMENTS:
        raise ConfigError(f"no tool {name!r} to install; known: {', '.join(ENVIRONMENTS)}")
    return ENVIRONMENTS[name]
