"""Solving a `WavefieldReconstruction`, from low to high frequencies; killed runs resume to the same numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seisinv.core import DataError, Gathers, Model, RunError, StabilityError, ricker
from seisinv.core.identity import digest
from seisinv.inversion.method import How, Method
from seisinv.inversion.problem import BATCH
from seisinv.inversion.result import BandEnd, Event, Progress, Result, history_row
from seisinv.inversion.tasks import predicted
from seisinv.priors import Penalty, PlugAndPlay
from seisinv.reconstruction import slowness
from seisinv.reconstruction.fields import ReconstructedFields
from seisinv.reconstruction.problem import WavefieldReconstruction
from seisinv.runs.directory import RunDirectory
from seisinv.runs.fingerprint import shot_digests
from seisinv.runs.gathers import shown_shots, write_gathers
from seisinv.runs.ledger import Arrays, Ledger, timed
from seisinv.signal.processing import Band
from seisinv.signal.spectra import of_gathers, of_sources
from seisinv.spread import Executor, TaskRunner, simulated, spread_over

log = logging.getLogger("seisinv.inversion")

NEAR = 0.1  # wavelengths: nearer to their source, traces are those of a singularity, and are left out


def reconstruct(
    problem: WavefieldReconstruction,
    frequencies: Sequence[float],
    *,
    iterations: int = 10,
    run_directory: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    seed: int = 0,
    truth: Model | None = None,
    configuration: Mapping[str, Any] | None = None,
    budget: int | None = None,
    executor: Executor = None,
) -> Result:
    """Solve for wavefields and model alternately, from low to high frequencies.

    Parameters
    ----------
    problem : WavefieldReconstruction
    frequencies : sequence of float, Hz
        Increasing.
    iterations : int
        At each frequency; each costs a factorisation and, per shot, one solution.
    run_directory, resume, progress, truth, configuration
        As in `inversion.invert`.
    seed : int
        Of the priors.
    budget : int, optional
        Largest number of solves: the fields of one shot in one iteration count as one, or two where the wavelet is
        estimated, and each frequency begins with two per shot for its check.  The frequencies get equal shares.
    executor : optional
        Where the simulations of the checks are done, as in `inversion.invert`. The fields of all shots are one
        factorisation, which this process does.

    Returns
    -------
    Result
        In its history `misfit` is ‖P u − d‖² / ‖d‖² of the reconstructed fields and `penalty` the misfit of the
        equation over ‖m ∂²u/∂t²‖²; both fall when the model is right.

    Raises
    ------
    ConfigError, DataError
        As `WavefieldReconstruction.checked`.
    RunError
        If the directory cannot be used or the model is not finite.
    StabilityError
        If the basis cannot hold the waves in the starting model.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.reconstruction import WavefieldReconstruction
    >>> grid = si.Grid((13, 13), 40.0)
    >>> survey = si.Survey.surface(sources=si.line(80, 400, every=160, depth=0.0), wavelet=si.ricker(5),
    ...                            receivers=si.line(40, 440, every=40, depth=480), duration=1.2, dt=4e-3)
    >>> propagator = si.Propagator(si.Acoustic(), grid, survey)
    >>> problem = WavefieldReconstruction(propagator=propagator, observed=propagator(si.Model(grid, vp=2000.0)),
    ...                                   unknown=si.Bounded(si.Model(grid, vp=2050.0), vp=(1800, 2300)))
    >>> history = reconstruct(problem, [4.0], iterations=2).history
    >>> history[-1]["misfit"] < history[0]["misfit"]
    True
    """
    chosen = problem.checked(frequencies, iterations, budget)
    ledger = Ledger(RunDirectory(None), seed, truth, budget)
    loop = _Alternation(problem, chosen, iterations, ledger, progress, spread_over(executor))
    if not resume:
        loop.begin()
    with RunDirectory.open(
        run_directory,
        fingerprint=problem.fingerprint(chosen, iterations, seed, budget) if run_directory is not None else {},
        settings={**(configuration or {}), **problem.record(chosen, iterations, seed, budget)},
        resume=resume,
    ) as ledger.directory:
        return loop.run()


@dataclass(frozen=True, eq=False)
class Alternating(Method):
    """Fields and model alternately; parameters as for `reconstruct`."""

    problem: WavefieldReconstruction
    frequencies: Sequence[float]
    iterations: int = 10
    budget: int | None = None

    def __post_init__(self) -> None:
        self.problem.checked(self.frequencies, self.iterations, self.budget)

    def run(self, how: How) -> Result:
        """Invert."""
        return reconstruct(self.problem, self.frequencies, iterations=self.iterations, budget=self.budget, **how)

    def fingerprint(self, seed: int) -> dict[str, str]:
        """Return hashes of everything that the numbers depend on, by name."""
        return self.problem.fingerprint(list(self.frequencies), self.iterations, seed, self.budget)


class _Alternation:
    """The iterations of a run, frequency by frequency."""

    def __init__(
        self,
        problem: WavefieldReconstruction,
        frequencies: list[float],
        iterations: int,
        ledger: Ledger,
        progress: Progress | None = None,
        spread: TaskRunner | None = None,
    ) -> None:
        self.problem, self.frequencies, self.iterations, self.spread = problem, frequencies, iterations, spread
        self.ledger, self.progress = ledger, progress
        self.error = 0.0  # of the basis at the current frequency
        self.held: dict[int, int] = {}  # hashes of the shots
        self.first: Arrays | None = None  # what `begin` has found
        self.prepared: tuple[ReconstructedFields, np.ndarray, np.ndarray | None] | None = None

    def run(self) -> Result:
        """Invert frequency by frequency."""
        start, ledger = self.problem.unknown.start, self.ledger
        ledger.begin(start)
        model, ends, ended = start, [], ""
        observed = self.problem.observed[:]
        self.held = dict(enumerate(shot_digests(observed)))
        for index, (frequency, turns) in enumerate(zip(self.frequencies, self.turns, strict=True)):
            fields, data, amplitude = self.prepared or self._prepared(index, observed)
            self.prepared = None
            if (why := self._trusted(index, model, fields, data)) is not None:
                log.warning("%s", why)
                ended = f"ended before {frequency:g} Hz: {why}"
                ends.append(BandEnd(frequency, why, 0, 0))
                break
            model = self._frequency(index, model, (fields, data, amplitude))
            spent = turns < self.iterations
            reason = (
                f"its share of the {self.ledger.budget} solves is spent" if spent else f"all {turns} iterations done"
            )
            ends.append(BandEnd(frequency, reason, turns, turns))
        ledger.directory.write_model("model.npz", model)
        result = Result(
            model, start, ledger.rows, ends, {}, ledger.directory.path, self.problem.propagator, ledger.solves
        )
        self._write_gathers(result)
        ledger.end(ended)
        return result

    @cached_property
    def turns(self) -> list[int]:
        """How many iterations each frequency gets; what one leaves of the budget goes to those after it."""
        left, out = self.ledger.budget, []
        for later in range(len(self.frequencies), 0, -1):
            check, turn = self.problem.solves_of_check, self.problem.solves_of_turn
            share = self.iterations if left is None else (left // later - check) // turn
            out.append(min(self.iterations, share))
            left = None if left is None else left - check - out[-1] * turn
        return out

    def _frequency(
        self, index: int, model: Model, prepared: tuple[ReconstructedFields, np.ndarray, np.ndarray | None]
    ) -> Model:
        """Alternate at one frequency."""
        fields, data, amplitude = prepared
        equation = np.zeros((len(fields.points), data.shape[1]), complex)
        missing = np.zeros(data.shape, complex)
        for turn in range(self.turns[index]):
            before = self.ledger.solves
            key = digest(_vp(model), equation, missing)

            compute = partial(self._turn, fields, model, data, amplitude, (equation, missing), (index, turn))
            arrays = self._kept(f"{index:02d}-{turn:05d}", key, compute, solves=self.problem.solves_of_turn)
            if not self.ledger.rows:
                self._record(index, 0, model, arrays, solves=before)
            model = model.replace(vp=torch.from_numpy(arrays["vp"])).to(model["vp"].dtype)
            if self.problem.refine:
                equation, missing = arrays["equation"], arrays["missing"]
            self._record(index, turn + 1, model, arrays)
        return model

    def _kept(self, name: str, key: str, compute: Callable[[], Arrays], *, solves: int) -> Arrays:
        """Return a result from the run directory, or computed from the data, which must be those of before."""

        def noted() -> Arrays:
            self.ledger.read(self.held, [s.number for s in self.problem.observed.survey.shots])
            return compute()

        return self.ledger.kept(name, key, noted, solves=solves)

    def _write_gathers(self, result: Result) -> None:
        """Simulate a few shots in the starting model and in the result; reconstructed fields would fit anyway."""
        if self.ledger.directory.path is None:
            return
        shots, band = shown_shots(len(self.problem.observed)), Band(self.frequencies[-1])
        problem, shown = self.problem.waveform(shots), []
        for model in (result.start, result.model):
            (task,) = problem.tasks(model, band=band)
            shown.append(predicted(task)[0])
        write_gathers(self.ledger.directory, self.problem.observed[shots], (shown[0], shown[1]), shots=shots, band=band)

    def _prepared(self, index: int, observed: Gathers) -> tuple[ReconstructedFields, np.ndarray, np.ndarray | None]:
        """Return the basis of the fields, the data [receiver, shot], NaN where there are none, and the amplitudes."""
        problem, survey, frequency = self.problem, observed.survey, self.frequencies[index]
        places = self._places[0]
        data = self._spectra(observed, frequency)
        sources = np.concatenate([s.sources for s in survey.shots])
        near = NEAR * problem.velocities[0] / frequency
        data[np.linalg.norm(places[:, None] - sources, axis=-1) < near] = np.nan
        fields = problem.fields(frequency, sources, places)
        known = problem.wavelet == "known"
        return fields, data, of_sources(problem.propagator.survey, frequency) if known else None

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """All receivers' positions, each once, and the number there of each trace's."""
        every = np.concatenate([s.receivers for s in self.problem.observed.survey.shots])
        places, number = np.unique(every.round(3), axis=0, return_inverse=True)
        return places, number.ravel()

    def _spectra(self, gathers: Gathers, frequency: float) -> np.ndarray:
        """Return the data at a frequency [receiver, shot], NaN where there are none."""
        places, number = self._places
        spectra, at = of_gathers(gathers, frequency), 0
        data = np.full((len(places), len(gathers)), np.nan, complex)
        for shot, s in enumerate(gathers.survey.shots):
            data[number[at : at + len(s.receivers)], shot] = spectra[shot, : len(s.receivers)]
            at += len(s.receivers)
        return data

    def begin(self) -> None:
        """Hold the first frequency's fields against the simulator's, before anything is written.

        Raises
        ------
        StabilityError
            If they cannot be used there.
        """
        self.prepared = self._prepared(0, self.problem.observed[:])
        fields, data, _ = self.prepared
        self.first = timed(lambda: self._difference(0, self.problem.unknown.start, fields, data))
        if (why := self._refusal(0, float(self.first["error"]))) is not None:
            raise StabilityError(why)

    def _trusted(self, index: int, model: Model, fields: ReconstructedFields, data: np.ndarray) -> str | None:
        """Hold the fields against the simulator's; return why they cannot be used here, None if they can."""

        def compute() -> Arrays:
            return self._difference(index, model, fields, data) if index or self.first is None else self.first

        solves = self.problem.solves_of_check
        self.error = float(self._kept(f"{index:02d}-check", digest(_vp(model)), compute, solves=solves)["error"])
        log.info(
            "%g Hz: the data of the basis differ from the simulator's by %.1f %%",
            self.frequencies[index],
            100 * self.error,
        )
        return self._refusal(index, self.error)

    def _difference(self, index: int, model: Model, fields: ReconstructedFields, data: np.ndarray) -> Arrays:
        """Return the relative error of the fields at the receivers, where there are data."""
        frequency, propagator = self.frequencies[index], self.problem.propagator
        survey = propagator.survey  # its wavelet, if it is known: records may end before a longer one is over
        if self.problem.wavelet != "known":
            survey = survey.with_wavelet(ricker(2 * frequency))
        found = fields.solve(1 / _vp(model) ** 2, None, data_weight=1.0).received
        waves = simulated(propagator.replace(survey=survey), model, size=BATCH, spread=self.spread)
        exact = self._spectra(waves, frequency)
        exact = exact / of_sources(survey, frequency)
        live = np.isfinite(data) & np.isfinite(exact)
        if not live.any():
            raise DataError(
                f"at {frequency:g} Hz every trace is within a tenth of a wavelength of its source; use higher "
                "frequencies"
            )
        return {"error": np.array(np.linalg.norm((found - exact)[live]) / np.linalg.norm(exact[live]))}

    def _refusal(self, index: int, error: float) -> str | None:
        bound = self.problem.max_error
        if error <= bound:
            return None
        return (
            f"at {self.frequencies[index]:g} Hz the data of the basis differ from the simulator's by {error:.1%} (at "
            f"most {bound:.0%}): use more basis functions per wave (oversampling), "
            "longer records, other frequencies, or waveform inversion"
        )

    def _turn(
        self,
        fields: ReconstructedFields,
        model: Model,
        data: np.ndarray,
        amplitude: np.ndarray | None,
        added: tuple[np.ndarray, np.ndarray],
        place: tuple[int, int],
    ) -> Arrays:
        """Solve for the fields, then for the model."""
        problem, m = self.problem, 1 / _vp(model) ** 2
        if amplitude is None:
            simulated = np.where(np.isfinite(data), fields.solve(m, None, data_weight=1.0).received, 0.0)
            size = np.sum(np.abs(simulated) ** 2)
            amplitude = np.full(data.shape[1], np.sum(simulated.conj() * np.nan_to_num(data)) / size)
        wanted = data / amplitude
        equation, missing = added
        u = fields.solve(m, wanted + missing, data_weight=problem.data_weight, equation=equation)
        equations = slowness.normal(fields.spread, u.value, u.space + equation, m)
        found = slowness.solve(equations, model, self._penalties(model, place), box=problem.box())
        vp = _vp(found)
        at = (fields.spread @ (1 / vp.ravel() ** 2))[:, None]
        left = np.where(np.isfinite(data), wanted - u.received, 0.0)
        broken = at * u.value - u.space
        if not np.isfinite(vp).all():
            raise RunError("the model is not finite; check the data for NaN (seisinv info), and the bounds")
        return {
            "vp": vp,
            "equation": equation - broken,
            "missing": missing + left,
            "misfit": np.array(np.sum(np.abs(left) ** 2) / np.nansum(np.abs(wanted) ** 2)),
            "broken": np.array(np.sum(np.abs(broken) ** 2) / np.sum(np.abs(at * u.value) ** 2)),
        }

    def _penalties(self, model: Model, place: tuple[int, int]) -> list[Penalty]:
        """Return the penalties of this iteration; a plug-and-play prior computes a new target in each."""
        index, turn = place
        progress = index / (len(self.frequencies) - 1) if len(self.frequencies) > 1 else 1.0
        out: list[Penalty] = []
        for p in self.problem.penalties:
            if isinstance(p, PlugAndPlay):
                start, wavelength = self.problem.unknown.start, float(model["vp"].mean()) / self.frequencies[index]
                seed = (self.ledger.seed, index, turn)
                target = p.target(model, start=start, progress=progress, wavelength=wavelength, seed=seed)
                out.append(p.penalty(target, progress=progress, misfit=1.0))
            else:
                out.append(p)
        return out

    def _record(self, index: int, turn: int, model: Model, arrays: Arrays, *, solves: int | None = None) -> None:
        frequency, misfit = self.frequencies[index], float(arrays["misfit"])
        first = next((r["misfit"] for r in self.ledger.rows if r["band"] == frequency), misfit)
        row = history_row(
            self.ledger, model, (frequency, turn), (misfit, first), penalty=float(arrays["broken"]),
            surrogate_error=self.error, gradient_norm=None, evaluations=turn,
        )  # fmt: skip
        self.ledger.record(row if solves is None else row | {"solves": solves}, model)
        if self.progress is not None:
            done, total = sum(self.turns[:index]) + turn, sum(self.turns)
            eta = self.ledger.seconds / done * (total - done) if done else None
            place = (frequency, index + 1, len(self.frequencies), turn, self.turns[index], turn)
            spent = (self.ledger.solves, self.ledger.seconds, eta)
            self.progress(Event(*place, misfit, misfit / (first or 1.0), *spent, model=model))


def _vp(model: Model) -> np.ndarray:
    return np.asarray(model["vp"].detach().double().numpy())
