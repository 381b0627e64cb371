"""An inversion together with how it is to be done, so that whatever runs inversions need not know which kind it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from seisinv.core import Model
from seisinv.inversion.optimizers import Optimizer
from seisinv.inversion.pinn_inversion import PINNInversion
from seisinv.inversion.problem import Inversion
from seisinv.inversion.processing import Band, bands_of
from seisinv.inversion.result import Progress, Result


class How(TypedDict, total=False):
    """What the `run` of every method takes; see `Inversion.run`."""

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


@dataclass(frozen=True, eq=False)
class Waveform(Method):
    """Descent along the gradient of a data misfit; parameters as for `Inversion.run`."""

    problem: Inversion
    optimizer: Optimizer
    bands: Sequence[float | tuple[float, float] | Band] | None = None
    budget: int | None = None

    def run(self, how: How) -> Result:
        """Invert."""
        return self.problem.run(self.optimizer, bands=self.bands, budget=self.budget, **how)

    def fingerprint(self, seed: int) -> dict[str, str]:
        """Return hashes of everything that the numbers depend on, by name."""
        bands = bands_of(self.bands, self.problem.observed.survey.time.nyquist)
        return self.problem.fingerprint(self.optimizer, bands, seed, self.budget)


@dataclass(frozen=True, eq=False)
class ReconstructedFields(Method):
    """Fields and model by turns; parameters as for `PINNInversion.run`."""

    problem: PINNInversion
    frequencies: Sequence[float]
    iterations: int = 10
    budget: int | None = None

    def __post_init__(self) -> None:
        self.problem.checked(self.frequencies, self.iterations, self.budget)

    def run(self, how: How) -> Result:
        """Invert."""
        return self.problem.run(self.frequencies, iterations=self.iterations, budget=self.budget, **how)

    def fingerprint(self, seed: int) -> dict[str, str]:
        """Return hashes of everything that the numbers depend on, by name."""
        return self.problem.fingerprint(list(self.frequencies), self.iterations, seed, self.budget)
