"""A problem together with the way it is solved, so that callers need not know which kind of inversion it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from seisinv.core import Model
from seisinv.inversion.result import Progress, Result
from seisinv.spread import Executor


class How(TypedDict, total=False):
    """Arguments of the `run` of every method; see `inversion.invert`."""

    run_directory: Path | str | None
    resume: bool
    progress: Progress | None
    seed: int
    truth: Model | None
    configuration: Mapping[str, Any] | None
    executor: Executor


class Method(ABC):
    """A problem, how it is solved, and its budget."""

    @abstractmethod
    def run(self, how: How) -> Result:
        """Invert."""

    @abstractmethod
    def fingerprint(self, seed: int) -> dict[str, str]:
        """Return hashes of everything that the numbers depend on, by name."""
