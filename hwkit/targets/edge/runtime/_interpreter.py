"""What LiteRT and its ancestors have in common: one class, ``Interpreter``."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from . import Array


class InterpretedModel:
    """A model in the interpreter of ``module`` with ``kernels``, one of its ``OpResolverType``:
    ``AUTO`` with XNNPACK where it has one, ``BUILTIN_WITHOUT_DEFAULT_DELEGATES`` or
    ``BUILTIN_REF``."""

    def __init__(
        self, module: ModuleType, model: bytes, threads: int, kernels: str = "AUTO"
    ) -> None:
        self._model = model  # The interpreter reads it in place.
        self._interpreter = module.Interpreter(
            model_content=model,
            num_threads=threads,
            experimental_op_resolver_type=module.OpResolverType[kernels],
        )
        self._interpreter.allocate_tensors()
        self._inputs = self._interpreter.get_input_details()
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def feed(self, samples: Sequence[Array]) -> None:
        """See ``Model``."""
        for detail, sample in zip(self._inputs, samples, strict=True):
            self._interpreter.set_tensor(detail["index"], sample.reshape(detail["shape"]))

    def invoke(self) -> None:
        """See ``Model``."""
        self._interpreter.invoke()

    def outputs(self) -> list[Array]:
        """See ``Model``."""
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def facts(self) -> dict[str, Any]:
        """Whether XNNPACK took (some of) the model."""
        details = self._interpreter._get_ops_details()
        return {"delegated": any(detail["op_name"] == "DELEGATE" for detail in details)}
