"""What is open until it is closed, by the end of a ``with`` at the latest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """A context manager that its ``close`` ends."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Ends it; closing twice is as once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
