"""The loop of `PINNInversion` over frequencies and turns; a killed run replays to the same numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seisinv.core import Gathers, Model, RunError
from seisinv.inversion import slowness
from seisinv.inversion.fingerprint import digest
from seisinv.inversion.metrics import rmse
from seisinv.inversion.result import BandEnd, Event, Progress, Result
from seisinv.inversion.run_directory import RunDirectory
from seisinv.inversion.spectra import of_gathers, of_sources
from seisinv.priors import Penalty, Staged
from seisinv.surrogate.reconstruction import Reconstruction

if TYPE_CHECKING:
    from seisinv.inversion.pinn_inversion import PINNInversion

Arrays = dict[str, np.ndarray]


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
    rows: list[dict[str, Any]] = field(default_factory=list)
    solves: int = 0
    seconds: float = 0.0

    def run(self) -> Result:
        """Invert frequency by frequency."""
        start = self.problem.unknown.start
        self.directory.write_model("start.npz", start)
        if self.truth is not None:
            self.directory.write_model("truth.npz", self.truth)
        model, ends = start, []
        observed = self.problem.observed[:]
        for index, frequency in enumerate(self.frequencies):
            model = self._frequency(index, model, observed)
            ends.append(BandEnd(frequency, "all turns are done", self.iterations, self.iterations))
        self.directory.write_model("model.npz", model)
        return Result(model, start, self.rows, ends, {}, self.directory.path, self.problem.propagator, self.solves)

    def _frequency(self, index: int, model: Model, observed: Gathers) -> Model:
        """Alternate at one frequency."""
        fields, data, amplitude = self._prepared(index, observed)
        equation = np.zeros((len(fields.points), data.shape[1]), complex)
        missing = np.zeros(data.shape, complex)
        for turn in range(self.iterations):
            before = self.rows[-1] if self.rows else None
            key = digest(_vp(model), equation, missing)

            def compute(
                model: Model = model, equation: np.ndarray = equation, missing: np.ndarray = missing, turn: int = turn
            ) -> Arrays:
                began = time.perf_counter()
                out = self._turn(fields, model, data, amplitude, (equation, missing), (index, turn))
                return out | {"seconds": np.array(time.perf_counter() - began)}

            arrays = self.directory.kept(f"{index:02d}-{turn:05d}", key, compute)
            self.solves += data.shape[1] * (1 if self.problem.wavelet == "known" else 2)
            self.seconds += float(arrays["seconds"])
            if before is None:
                self._record(index, 0, model, arrays)
            model = model.replace(vp=torch.from_numpy(arrays["vp"])).to(model["vp"].dtype)
            if self.problem.refine:
                equation, missing = arrays["equation"], arrays["missing"]
            self._record(index, turn + 1, model, arrays)
        return model

    def _prepared(self, index: int, observed: Gathers) -> tuple[Reconstruction, np.ndarray, np.ndarray | None]:
        """Return the fields' features, the data [receiver, shot], NaN where there are none, and the amplitudes."""
        problem, survey, frequency = self.problem, observed.survey, self.frequencies[index]
        places, number = np.unique(
            np.concatenate([s.receivers for s in survey.shots]).round(3), axis=0, return_inverse=True
        )
        spectra = of_gathers(observed, frequency)
        data, at = np.full((len(places), len(survey)), np.nan, complex), 0
        for shot, s in enumerate(survey.shots):
            data[number.ravel()[at : at + len(s.receivers)], shot] = spectra[shot, : len(s.receivers)]
            at += len(s.receivers)
        fields = Reconstruction(
            problem.propagator.physics,
            problem.unknown.start,
            frequency,
            problem.velocities,
            np.concatenate([s.sources for s in survey.shots]),
            places,
            spare=problem.spare,
        )
        known = problem.wavelet == "known"
        return fields, data, of_sources(problem.propagator.survey, frequency) if known else None

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

    def _record(self, index: int, turn: int, model: Model, arrays: Arrays) -> None:
        frequency, misfit = self.frequencies[index], float(arrays["misfit"])
        first = self.rows[0]["misfit"] if self.rows else misfit
        self.rows.append(
            {
                "band": frequency,
                "iteration": turn,
                "misfit": misfit,
                "relative": misfit / (first or 1.0),
                "penalty": float(arrays["broken"]),
                "gradient_norm": None,
                "evaluations": turn,
                "solves": self.solves,
                "seconds": round(self.seconds, 3),
                "model_rmse": None if self.truth is None else rmse(model, self.truth),
            }
        )
        if len(self.rows) > self.directory.accepted_before():
            self.directory.write_model("model.npz", model)
            self.directory.write_history(self.rows)
        if self.progress is not None:
            done = index * self.iterations + turn
            total = len(self.frequencies) * self.iterations
            eta = self.seconds / done * (total - done) if done else None
            place = (frequency, index + 1, len(self.frequencies), turn, self.iterations, turn)
            self.progress(Event(*place, misfit, misfit / (first or 1.0), self.solves, self.seconds, eta))


def _vp(model: Model) -> np.ndarray:
    return np.asarray(model["vp"].detach().double().numpy())
