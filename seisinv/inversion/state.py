"""State of a run of waveform inversion that its stages share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Model
from seisinv.inversion.continuation import Stage
from seisinv.inversion.optimizers import Optimizer
from seisinv.inversion.problem import Inversion
from seisinv.inversion.result import Progress
from seisinv.runs.fingerprint import Noted, Watching
from seisinv.runs.ledger import Ledger
from seisinv.signal.processing import Band
from seisinv.spread import Here, TaskRunner, host
from seisinv.spread.base import Done

SEARCH = 4  # at most one part in this many of a budget goes into the search of the wavelet


@dataclass
class State:
    """Problem, settings, ledger and wavelets of a run."""

    problem: Inversion
    optimizer: Optimizer
    bands: Sequence[Band | None]
    ledger: Ledger
    progress: Progress | None = None
    spread: TaskRunner = field(default_factory=Here)
    wavelets: dict[str, Tensor] = field(default_factory=dict)
    wavelet: Tensor | None = None  # the one that the run holds
    doubts: list[str] = field(default_factory=list)  # of the result, as words that follow "it"

    def model(self, x: np.ndarray) -> Model:
        """Return the model of a vector."""
        with torch.no_grad():
            return self.problem.model(torch.from_numpy(x))

    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Iterator[Any]:
        """Yield the results of tasks, and note what the data held that they have read and what they cost elsewhere."""
        for noted in self.spread.map(Watching(function, host()), tasks, done):
            yield self._taken(noted)

    def sum(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Any:
        """Return the sum of the results of tasks as `map` would yield them, in the order of `spread.pairwise`."""
        return self._taken(self.spread.sum(Watching(function, host()), tasks, done))

    def _taken(self, noted: Noted) -> Any:
        self.ledger.read(noted.shots, [shot.number for shot in self.problem.observed.survey.shots])
        self.ledger.elsewhere += noted.spent
        return noted.result

    def can_search(self, stage: Stage) -> bool:
        """Return whether the budget allows for a stage that searches the wavelet."""
        limit = self.limit(stage)
        return limit is None or limit - self.ledger.solves >= 2 * self.problem.least_of_stage

    def limit(self, stage: Stage) -> int | None:
        """Return up to how many solves in all a stage may ask for gradients; None without a budget.

        Later costs are reserved: this stage's wavelet, that of the starting model, a last misfit, and the
        delays that the continuation will measure. A traveltime stage gets half the share of its band.
        """
        if self.ledger.budget is None:
            return None
        shots, left = len(self.problem.observed), len(self.bands) - stage.number
        if stage.search:
            return self.ledger.solves + int(self.ledger.budget * stage.search / SEARCH)
        wavelet = shots if self.problem.is_renewed else 0
        last = 0 if self.problem.finishing is None else shots
        delays = 0 if self.problem.continuation is None else shots * (2 * (left - 1) + (1 if stage.attempt else 0))
        share = (self.ledger.budget - self.ledger.solves - wavelet - last - delays) // left
        return self.ledger.solves + (share // 2 if stage.attempt else share) - wavelet


def search_plan(bands: Sequence[Band | None]) -> list[tuple[int, float]]:
    """Return the numbers of the bands in which a wavelet is searched, at most three, and their shares of the search.

    Not the lowest ones, which hold little of the wavelet; and most of it in the highest, where a wavelet that is some
    per cent off spoils most.
    """
    last = len(bands) - 1
    first = len(bands) // 3
    numbers = sorted({first, (first + last + 1) // 2, last})
    total = len(numbers) * (len(numbers) + 1) / 2
    return [(number, (k + 1) / total) for k, number in enumerate(numbers)]
