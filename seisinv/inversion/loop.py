"""The loop over bands or rungs: every number needed more than once is kept, so that a killed run replays to the bit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Model
from seisinv.inversion.band_run import BandRun, label
from seisinv.inversion.cost import Cost, forget_peak, peak_memory, write_cost
from seisinv.inversion.ladder import Ladder, Rung
from seisinv.inversion.optimizers import Optimizer
from seisinv.inversion.processing import Band
from seisinv.inversion.result import BandEnd, Progress, Result, of_shots
from seisinv.inversion.run_directory import RunDirectory
from seisinv.inversion.shown import shown_shots, write_gathers

if TYPE_CHECKING:
    from seisinv.inversion.problem import Inversion, Map

log = logging.getLogger("seisinv.inversion")


@dataclass
class Loop:
    """State of a run: where it is, what it has cost, what it has found."""

    problem: Inversion
    optimizer: Optimizer
    bands: Sequence[Band | None]
    directory: RunDirectory
    progress: Progress | None
    seed: int
    truth: Model | None
    mapper: Map
    budget: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    wavelets: dict[str, Tensor] = field(default_factory=dict)
    solves: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    recomputed: float = 0.0
    stopped: str = ""  # why a ladder ended early

    def run(self) -> Result:
        """Invert band by band and write what the report needs."""
        forget_peak()
        x = self.problem.unknown.vector()
        self.directory.write_model("start.npz", self.model(x))
        if self.truth is not None:
            self.directory.write_model("truth.npz", self.truth)
        ends: list[BandEnd] = []
        rung = self._next(None, x)
        while rung is not None:
            run = BandRun(self, rung, x)
            ends.append(run.run())
            x = run.accepted
            log.info("band %s: %s", label(rung.band), ends[-1].reason)
            rung = self._next(rung, x)
        if self.stopped:
            ends[-1] = replace(ends[-1], reason=f"{ends[-1].reason}; {self.stopped}")
        # Each model is shown with the wavelet that fits best in it.
        first = None
        if self.directory.path is not None:
            first = run.estimated_wavelet(self.problem.unknown.vector(), "start-wavelet")
        model = run.finished()
        self.directory.write_model("model.npz", model)
        result = Result(
            model, self.model(self.problem.unknown.vector()), self.rows, ends, self.wavelets,
            self.directory.path, self.problem.propagator, self.solves,
        )  # fmt: skip
        self._write_gathers(result, first)
        spent = Cost(self.solves, self.recomputed, self.seconds, self.cpu_seconds, peak_memory())
        write_cost(self.directory, spent)
        return result

    def _next(self, last: Rung | None, x: np.ndarray) -> Rung | None:
        """Return the rung that follows, None if there is none: the next band, or what a ladder makes of it."""
        index = 0 if last is None else last.index + 1
        number = 0 if last is None else last.number + 1
        ladder = self.problem.ladder
        if ladder is not None and last is not None and last.attempt:
            number = last.number  # of a band, times come first, then wave forms
        if number == len(self.bands):
            return None
        rung = Rung(index, number, self.bands[number], self.optimizer, self.problem.misfit)
        return rung if ladder is None else self._climb(ladder, rung, last, x)

    def _climb(self, ladder: Ladder, rung: Rung, last: Rung | None, x: np.ndarray) -> Rung | None:
        """Measure the time residuals; return the rung or a kinematic one before it, None where the ladder ends."""
        attempt = last.attempt if last is not None else 0
        late, period = BandRun(self, rung, x).times(ladder.percentile)
        rung = ladder.judged(rung, late=late, period=period, attempt=attempt)
        if rung.attempt > ladder.attempts:
            self.stopped = ladder.capped(rung)
        elif rung.attempt and not self._can_afford(rung):
            self.stopped = f"the ladder ends: no budget is left for another kinematic rung ({rung.why})"
        else:
            return rung
        log.warning("%s", self.stopped)
        return None

    def _can_afford(self, rung: Rung) -> bool:
        limit, wavelet = self.limit(rung), 0 if self.problem.estimate() is None else len(self.problem.observed)
        return limit is None or limit + wavelet - self.solves >= self.problem.least_of_rung

    def limit(self, rung: Rung) -> int | None:
        """Return up to how many solves in all a rung may ask for gradients; None without a budget.

        What is sure to come is set aside: this rung's wavelet, that of the start model, a last misfit, and the times
        that a ladder will look at. A kinematic rung gets half the share of its band.
        """
        if self.budget is None:
            return None
        shots, left = len(self.problem.observed), len(self.bands) - rung.number
        wavelet = 0 if self.problem.estimate() is None else shots
        last = 0 if self.problem.finishing is None else shots
        times = 0 if self.problem.ladder is None else shots * (2 * (left - 1) + (1 if rung.attempt else 0))
        share = (self.budget - self.solves - wavelet - last - times) // left
        return self.solves + (share // 2 if rung.attempt else share) - wavelet

    def spent(self, arrays: Mapping[str, np.ndarray], solves: int) -> None:
        """Count what an answer cost, whether it was computed now or in an earlier process."""
        self.solves += solves
        self.seconds += float(arrays["seconds"])
        self.cpu_seconds += float(arrays.get("cpu_seconds", 0.0))
        self.recomputed += float(arrays.get("recomputed", 0.0))

    def model(self, x: np.ndarray) -> Model:
        """Return the model of a vector."""
        with torch.no_grad():
            return self.problem.model(torch.from_numpy(x))

    def _write_gathers(self, result: Result, first: Tensor | None) -> None:
        if self.directory.path is None:
            return
        shots = shown_shots(len(self.problem.observed))
        simulator, last = self.problem.propagator.subset(shots), list(self.wavelets.values())[-1:]
        with torch.no_grad():
            predictions = (
                simulator(result.start, of_shots(first, shots)),
                simulator(result.model, of_shots(last[0] if last else None, shots)),
            )
        write_gathers(
            self.directory, self.problem.observed[shots], predictions,
            shots=shots, band=self.bands[-1], window=self.problem.window,
        )  # fmt: skip
