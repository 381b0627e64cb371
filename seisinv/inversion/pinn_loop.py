"""The loop of `PINNInversion` over frequencies and turns; a killed run replays to the same numbers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seisinv.core import DataError, Gathers, Model, RunError, StabilityError, ricker
from seisinv.inversion import slowness
from seisinv.inversion.cost import Cost, forget_peak, peak_memory, write_cost
from seisinv.inversion.fingerprint import digest
from seisinv.inversion.metrics import rmse
from seisinv.inversion.processing import Band
from seisinv.inversion.result import BandEnd, Event, Progress, Result
from seisinv.inversion.run_directory import RunDirectory, iterate_name
from seisinv.inversion.shown import shown_shots, write_gathers
from seisinv.inversion.spectra import of_gathers, of_sources
from seisinv.inversion.tasks import predicted
from seisinv.priors import Penalty, Staged
from seisinv.surrogate.reconstruction import Reconstruction

if TYPE_CHECKING:
    from seisinv.inversion.pinn_inversion import PINNInversion

log = logging.getLogger("seisinv.inversion")

Arrays = dict[str, np.ndarray]
NEAR = 0.1  # wavelengths: nearer to their source, traces are those of a singularity, and are left out


@dataclass
class PinnLoop:
    """State of a run."""

    problem: PINNInversion
    frequencies: list[float]
    iterations: int
    directory: RunDirectory
    progress: Progress | None
    seed: int
    truth: Model | None
    budget: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    solves: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    error: float = 0.0  # of the features at the frequency of now
    first: Arrays | None = None  # what `begin` has found
    prepared: tuple[Reconstruction, np.ndarray, np.ndarray | None] | None = None

    def run(self) -> Result:
        """Invert frequency by frequency."""
        forget_peak()
        start = self.problem.unknown.start
        self.directory.write_model("start.npz", start)
        if self.truth is not None:
            self.directory.write_model("truth.npz", self.truth)
        model, ends, ended = start, [], ""
        observed = self.problem.observed[:]
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
            reason = f"its share of the {self.budget} solves is spent" if spent else "all turns are done"
            ends.append(BandEnd(frequency, reason, turns, turns))
        self.directory.write_model("model.npz", model)
        result = Result(model, start, self.rows, ends, {}, self.directory.path, self.problem.propagator, self.solves)
        self._write_gathers(result)
        write_cost(self.directory, Cost(self.solves, 0.0, self.seconds, self.cpu_seconds, peak_memory(), ended))
        return result

    @cached_property
    def turns(self) -> list[int]:
        """How many turns each frequency gets; what one leaves of the budget goes to those after it."""
        left, out = self.budget, []
        for later in range(len(self.frequencies), 0, -1):
            check, turn = self.problem.solves_of_check, self.problem.solves_of_turn
            share = self.iterations if left is None else (left // later - check) // turn
            out.append(min(self.iterations, share))
            left = None if left is None else left - check - out[-1] * turn
        return out

    def _frequency(
        self, index: int, model: Model, prepared: tuple[Reconstruction, np.ndarray, np.ndarray | None]
    ) -> Model:
        """Alternate at one frequency."""
        fields, data, amplitude = prepared
        equation = np.zeros((len(fields.points), data.shape[1]), complex)
        missing = np.zeros(data.shape, complex)
        for turn in range(self.turns[index]):
            before = self.solves
            key = digest(_vp(model), equation, missing)

            def compute(
                model: Model = model, equation: np.ndarray = equation, missing: np.ndarray = missing, turn: int = turn
            ) -> Arrays:
                return self._turn(fields, model, data, amplitude, (equation, missing), (index, turn))

            arrays = self._kept(f"{index:02d}-{turn:05d}", key, compute, solves=self.problem.solves_of_turn)
            if not self.rows:
                self._record(index, 0, model, arrays, solves=before)
            model = model.replace(vp=torch.from_numpy(arrays["vp"])).to(model["vp"].dtype)
            if self.problem.refine:
                equation, missing = arrays["equation"], arrays["missing"]
            self._record(index, turn + 1, model, arrays)
        return model

    def _write_gathers(self, result: Result) -> None:
        """Simulate a few shots in the start model and in the result; reconstructed fields would fit by themselves."""
        if self.directory.path is None:
            return
        shots, band = shown_shots(len(self.problem.observed)), Band(self.frequencies[-1])
        problem, shown = self.problem.waveform(shots), []
        for model in (result.start, result.model):
            (task,) = problem.tasks(model, band=band)
            shown.append(predicted(task)[0])
        write_gathers(self.directory, self.problem.observed[shots], (shown[0], shown[1]), shots=shots, band=band)

    def _prepared(self, index: int, observed: Gathers) -> tuple[Reconstruction, np.ndarray, np.ndarray | None]:
        """Return the fields' features, the data [receiver, shot], NaN where there are none, and the amplitudes."""
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
        self.first = _timed(lambda: self._difference(0, self.problem.unknown.start, fields, data))
        if (why := self._refusal(0, float(self.first["error"]))) is not None:
            raise StabilityError(why)

    def _trusted(self, index: int, model: Model, fields: Reconstruction, data: np.ndarray) -> str | None:
        """Hold the fields against the simulator's; return why they cannot be used here, None if they can."""

        def compute() -> Arrays:
            return self._difference(index, model, fields, data) if index or self.first is None else self.first

        solves = self.problem.solves_of_check
        self.error = float(self._kept(f"{index:02d}-check", digest(_vp(model)), compute, solves=solves)["error"])
        log.info(
            "%g Hz: the features are off by %.1f %% of the simulator's data", self.frequencies[index], 100 * self.error
        )
        return self._refusal(index, self.error)

    def _difference(self, index: int, model: Model, fields: Reconstruction, data: np.ndarray) -> Arrays:
        """Return the relative error of the fields at the receivers, where there are data."""
        frequency, propagator = self.frequencies[index], self.problem.propagator
        survey = propagator.survey  # its wavelet, if it is known: records may end before a longer one is over
        if self.problem.wavelet != "known":
            survey = survey.with_wavelet(ricker(2 * frequency))
        found = fields.solve(1 / _vp(model) ** 2, None, trust=1.0).received
        with torch.no_grad():
            exact = self._spectra(propagator.replace(survey=survey)(model), frequency)
        exact = exact / of_sources(survey, frequency)
        live = np.isfinite(data) & np.isfinite(exact)
        if not live.any():
            raise DataError(
                f"at {frequency:g} Hz every trace is within a tenth of a wavelength of its source; use higher "
                "frequencies"
            )
        return {"error": np.array(np.linalg.norm((found - exact)[live]) / np.linalg.norm(exact[live]))}

    def _refusal(self, index: int, error: float) -> str | None:
        bound = self.problem.bound
        if error <= bound:
            return None
        return (
            f"at {self.frequencies[index]:g} Hz the features are off by {error:.1%} of the simulator's data (bound "
            f"{bound:.0%}): give more features a wave (spare), longer records, other frequencies, or invert wave forms"
        )

    def _kept(self, name: str, key: str, compute: Callable[[], Arrays], *, solves: int) -> Arrays:
        """Return an answer, computed now or by an earlier process, and count what it cost."""
        arrays = self.directory.kept(name, key, lambda: _timed(compute))
        self.solves += solves
        self.seconds += float(arrays["seconds"])
        self.cpu_seconds += float(arrays["cpu_seconds"])
        return arrays

    def _turn(
        self,
        fields: Reconstruction,
        model: Model,
        data: np.ndarray,
        amplitude: np.ndarray | None,
        added: tuple[np.ndarray, np.ndarray],
        place: tuple[int, int],
    ) -> Arrays:
        """Solve for the fields, then for the model."""
        problem, m = self.problem, 1 / _vp(model) ** 2
        if amplitude is None:
            simulated = np.where(np.isfinite(data), fields.solve(m, None, trust=1.0).received, 0.0)
            size = np.sum(np.abs(simulated) ** 2)
            amplitude = np.full(data.shape[1], np.sum(simulated.conj() * np.nan_to_num(data)) / size)
        wanted = data / amplitude
        equation, missing = added
        u = fields.solve(m, wanted + missing, trust=problem.trust, equation=equation)
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
        """Return the penalties of now; a prior is asked for its target at every turn."""
        index, turn = place
        progress = index / (len(self.frequencies) - 1) if len(self.frequencies) > 1 else 1.0
        out: list[Penalty] = []
        for p in self.problem.penalties:
            if isinstance(p, Staged):
                start, wavelength = self.problem.unknown.start, float(model["vp"].mean()) / self.frequencies[index]
                seed = (self.seed, index, turn)
                target = p.target(model, start=start, progress=progress, wavelength=wavelength, seed=seed)
                out.append(p.penalty(target, progress=progress, misfit=1.0))
            else:
                out.append(p)
        return out

    def _record(self, index: int, turn: int, model: Model, arrays: Arrays, *, solves: int | None = None) -> None:
        frequency, misfit = self.frequencies[index], float(arrays["misfit"])
        first = next((r["misfit"] for r in self.rows if r["band"] == frequency), misfit)
        self.rows.append(
            {
                "band": frequency,
                "iteration": turn,
                "misfit": misfit,
                "relative": misfit / (first or 1.0),
                "penalty": float(arrays["broken"]),
                "surrogate_error": self.error,
                "gradient_norm": None,
                "evaluations": turn,
                "solves": self.solves if solves is None else solves,
                "seconds": round(self.seconds, 3),
                "model_rmse": None if self.truth is None else rmse(model, self.truth),
            }
        )
        if len(self.rows) > self.directory.accepted_before():
            self.directory.write_model(f"models/{iterate_name(len(self.rows) - 1)}", model)
            self.directory.write_model("model.npz", model)
            self.directory.write_history(self.rows)
        if self.progress is not None:
            done, total = sum(self.turns[:index]) + turn, sum(self.turns)
            eta = self.seconds / done * (total - done) if done else None
            place = (frequency, index + 1, len(self.frequencies), turn, self.turns[index], turn)
            self.progress(Event(*place, misfit, misfit / (first or 1.0), self.solves, self.seconds, eta))


def _timed(compute: Callable[[], Arrays]) -> Arrays:
    """Return an answer with the seconds that it took, or says it has taken."""
    began, cpu = time.perf_counter(), time.process_time()
    out = compute()
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
    return {n: np.array(value) for n, value in spent.items()} | out


def _vp(model: Model) -> np.ndarray:
    return np.asarray(model["vp"].detach().double().numpy())
