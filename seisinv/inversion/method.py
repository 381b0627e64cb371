"""An inversion together with how it is to be done, so that whatever runs inversions need not know which kind it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from seisinv.core import Model
from seisinv.inversion.result import Progress, Result


class How(TypedDict, total=False):
    """What the `run` of every method takes; see `inversion.invert`."""

    run_directory: Path | str | None
    resume: bool
    progress: Progress | None
    seed: int
    truth: Model | None
    configuration: Mapping[str, Any] | None


class Method(ABC):
    """A problem, how it is solved, and what that may cost."""

    @abstractmethod
    def run(self, how: How) -> Result:
        """Invert."""

    @abstractmethod
    def fingerprint(self, seed: int) -> dict[str, str]:
        """Return hashes of everything that the numbers depend on, by name."""
