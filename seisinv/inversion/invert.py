"""Solves an inversion band by band; every expensive number is kept, so that an interrupted run can be resumed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Model
from seisinv.inversion.band_run import BandRun
from seisinv.inversion.continuation import Continuation, Stage
from seisinv.inversion.method import How, Method
from seisinv.inversion.optimizers import LBFGS, Optimizer
from seisinv.inversion.problem import Inversion
from seisinv.inversion.result import BandEnd, Progress, Result
from seisinv.inversion.state import State, search_plan
from seisinv.inversion.wavelet import of_shots
from seisinv.runs.directory import RunDirectory
from seisinv.runs.gathers import shown_shots, write_gathers
from seisinv.runs.ledger import Ledger
from seisinv.signal.processing import Band, bands_of, label
from seisinv.spread import Executor, simulated, spread_over

log = logging.getLogger("seisinv.inversion")


def invert(
    problem: Inversion,
    optimizer: Optimizer,
    *,
    bands: Sequence[float | tuple[float, float] | Band] | None = None,
    run_directory: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    seed: int = 0,
    truth: Model | None = None,
    configuration: Mapping[str, Any] | None = None,
    executor: Executor = None,
    budget: int | None = None,
) -> Result:
    """Find the model whose simulated data fit the observed.

    Parameters
    ----------
    problem : Inversion
    optimizer : Optimizer
        `LBFGS(iterations)` or `Adam(iterations, rate)`; runs once per band, from the result of the previous band.
    bands : sequence of float (Hz), (low, high) or Band, optional
        Low-pass corners or pass bands, from low to high; None: the data as they are.
    run_directory : path, optional
        Where the run is kept, to be resumed and reported; see `seisinv.runs`.
    resume : bool
        Continue the run in that directory; the numbers are those of a run that was never stopped.
    progress : callable, optional
        Called with an `Event` after every evaluation.
    seed : int
        Of the random signs of the illumination estimate, and of priors.
    truth : Model, optional
        The true model of synthetic data; only errors are measured with it.
    configuration : mapping, optional
        Settings to be recorded in run.toml beside the versions.
    executor : concurrent.futures.Executor, dask.distributed.Client, or function, optional
        Where groups of shots are computed: pools of processes, `mpi4py.futures.MPIPoolExecutor`, a Dask cluster, or a
        function like `map` that keeps the order. The numbers do not depend on it.
    budget : int, optional
        Largest number of wave-equation solves, one per simulated shot and two per shot and gradient; the bands get
        equal shares, and what one does not use goes to those after it.

    Returns
    -------
    Result

    Raises
    ------
    ConfigError
        If the budget is too small for one gradient per band.
    RunError
        If the directory cannot be used or the misfit is not finite.

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((13, 21), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 300, every=200, depth=20), wavelet=si.ricker(6),
    ...                            receivers=si.line(0, 400, every=40, depth=220), duration=0.5, dt=4e-3)
    >>> simulate = si.Propagator(si.Acoustic(), grid, survey, vp_max=2600)
    >>> start = si.Model(grid, vp=2000.0)
    >>> problem = si.Inversion(propagator=simulate, observed=simulate(start.replace(vp=2050.0)),
    ...                        unknown=si.unknowns.Bounded(start, vp=(1500, 2600)))
    >>> result = si.invert(problem, si.LBFGS(iterations=2), bands=[5.0, 10.0])
    >>> [(end.band, end.iterations) for end in result.ends]
    [(5.0, 2), (10.0, 2)]
    >>> abs(float(result.model.vp.mean()) - 2050) < 50
    True
    """
    chosen = bands_of(bands, problem.observed.survey.time.nyquist)
    least = problem.least_solves(len(chosen))
    if budget is not None and budget < least:
        raise ConfigError(
            f"budget is {budget} wave-equation solves; {len(problem.observed)} shots in {len(chosen)} bands need at "
            f"least {least}: raise it, or use fewer bands or shots"
        )
    with RunDirectory.open(
        run_directory,
        fingerprint=problem.fingerprint(optimizer, chosen, seed, budget) if run_directory is not None else {},
        settings={**(configuration or {}), **problem.record(optimizer, chosen, seed, budget)},
        resume=resume,
    ) as directory:
        ledger = Ledger(directory, seed, truth, budget)
        return Loop(State(problem, optimizer, chosen, ledger, progress, spread_over(executor))).run()


@dataclass(frozen=True, eq=False)
class Waveform(Method):
    """Descent along the gradient of a data misfit; parameters as for `invert`."""

    problem: Inversion
    optimizer: Optimizer
    bands: Sequence[float | tuple[float, float] | Band] | None = None
    budget: int | None = None

    def run(self, how: How) -> Result:
        """Invert."""
        return invert(self.problem, self.optimizer, bands=self.bands, budget=self.budget, **how)

    def fingerprint(self, seed: int) -> dict[str, str]:
        """Return hashes of everything that the numbers depend on, by name."""
        bands = bands_of(self.bands, self.problem.observed.survey.time.nyquist)
        return self.problem.fingerprint(self.optimizer, bands, seed, self.budget)


class Loop:
    """The stages of a run, one after the other."""

    def __init__(self, state: State) -> None:
        self.state, self.problem, self.ledger = state, state.problem, state.ledger
        self.stopped = ""  # why the continuation ended early
        self.first = 0  # number of the first stage that counts: those before it search the wavelet

    def run(self) -> Result:
        """Invert band by band and write what the report needs."""
        x, directory = self.problem.unknown.vector(), self.ledger.directory
        self.ledger.begin(self.state.model(x))
        self._search_wavelet(x)
        ends: list[BandEnd] = []
        stage = self._next(None, x)
        while stage is not None:
            run = BandRun(self.state, stage, x)
            ends.append(run.run())
            x = run.accepted
            log.info("band %s: %s", label(stage.band), ends[-1].reason)
            stage = self._next(stage, x)
        if self.stopped:
            ends[-1] = replace(ends[-1], reason=f"{ends[-1].reason}; {self.stopped}")
        # A wavelet that is not held is that which fits best in the model shown.
        first = self.state.wavelet
        if directory.path is not None and self.problem.is_renewed:
            first = run.estimated_wavelet(self.problem.unknown.vector(), "start-wavelet")
        model = run.finished()
        directory.write_model("model.npz", model)
        result = Result(
            model, self.state.model(self.problem.unknown.vector()), self.ledger.rows, ends, self.state.wavelets,
            directory.path, self.problem.propagator, self.ledger.solves,
        )  # fmt: skip
        self._write_gathers(result, first)
        self.ledger.end("; it ".join(self._doubts(result)))
        return result

    def _doubts(self, result: Result) -> list[str]:
        """Return what the run itself doubts of its result, as words that follow "it"."""
        doubts = list(self.state.doubts)
        is_start = all(torch.equal(result.model[n], result.start[n]) for n in result.model)
        if is_start and any(row["misfit"] for row in result.history):
            reasons = dict.fromkeys(end.reason for end in result.ends)
            doubts.insert(0, f"left the starting model as it is: {'; '.join(reasons)}")
        return doubts + [f"ended early: {self.stopped}"] * bool(self.stopped)

    def _search_wavelet(self, x: np.ndarray) -> None:
        """Find the wavelet that the run holds, with a model that is dropped; nothing where it is known or renewed."""
        how = self.problem.estimate()
        if how is None or self.problem.is_renewed:
            return
        for index, (number, share) in enumerate(search_plan(self.state.bands)):
            optimizer = LBFGS(iterations=max(1, round(how.search * share)))
            stage = Stage(index, number, self.state.bands[number], optimizer, self.problem.misfit, search=share)
            if not self.state.can_search(stage):
                log.warning("the budget is too small to search the wavelet; it is that of the starting model")
                break
            run = BandRun(self.state, stage, x)
            run.run()
            x, self.first = run.accepted, index + 1
        BandRun(self.state, Stage(self.first, 0, None, self.state.optimizer, self.problem.misfit), x).hold_wavelet()

    def _next(self, last: Stage | None, x: np.ndarray) -> Stage | None:
        """Return the stage that follows, None if there is none: the next band, or a traveltime stage before it."""
        index = self.first if last is None else last.index + 1
        number = 0 if last is None else last.number + 1
        continuation = self.problem.continuation
        if continuation is not None and last is not None and last.attempt:
            number = last.number  # in each band, traveltimes come first, then waveforms
        if number == len(self.state.bands):
            return None
        stage = Stage(index, number, self.state.bands[number], self.state.optimizer, self.problem.misfit)
        return stage if continuation is None else self._staged(continuation, stage, last, x)

    def _staged(self, continuation: Continuation, stage: Stage, last: Stage | None, x: np.ndarray) -> Stage | None:
        """Measure the delays; return the stage, a traveltime stage before it, or None where the continuation ends."""
        attempt = last.attempt if last is not None else 0
        delay, period = BandRun(self.state, stage, x).delays(continuation.percentile)
        stage = continuation.next_stage(stage, delay=delay, period=period, attempt=attempt)
        if stage.attempt > continuation.attempts:
            self.stopped = continuation.capped(stage)
        elif stage.attempt and not self._can_afford(stage):
            self.stopped = f"the continuation ends: no budget is left for another traveltime stage ({stage.why})"
        else:
            return stage
        log.warning("%s", self.stopped)
        return None

    def _can_afford(self, stage: Stage) -> bool:
        limit, wavelet = self.state.limit(stage), len(self.problem.observed) if self.problem.is_renewed else 0
        return limit is None or limit + wavelet - self.ledger.solves >= self.problem.least_of_stage

    def _write_gathers(self, result: Result, first: Tensor | None) -> None:
        if self.ledger.directory.path is None:
            return
        shots = shown_shots(len(self.problem.observed))
        few, last = self.problem.propagator.subset(shots), next(reversed([*result.wavelets.values()]), None)
        before, after = (
            simulated(few, model, size=1, source=of_shots(wavelet, shots), spread=self.state.spread)
            for model, wavelet in ((result.start, first), (result.model, last))
        )
        write_gathers(
            self.ledger.directory, self.problem.observed[shots], (before, after),
            shots=shots, band=self.state.bands[-1], window=self.problem.window,
        )  # fmt: skip
