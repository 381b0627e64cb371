"""One stage of an inversion, most often a whole band: preconditioner, evaluations, targets of a prior, wavelet, end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Model, RunError
from seisinv.core.identity import digest
from seisinv.inversion.continuation import Stage
from seisinv.inversion.illumination import weights_from
from seisinv.inversion.optimizers import Space
from seisinv.inversion.point import Point
from seisinv.inversion.problem import BATCH
from seisinv.inversion.result import BandEnd, Event, history_row
from seisinv.inversion.state import State
from seisinv.inversion.tasks import (
    ShotResult,
    ShotTask,
    best_wavelets,
    misfit_and_gradient,
    misfit_of_nothing,
    squared_projection,
    time_residuals,
)
from seisinv.inversion.wavelet import collected, described
from seisinv.misfit import Misfit
from seisinv.priors import Penalty, PlugAndPlay
from seisinv.signal.delays import residual_time
from seisinv.signal.processing import hertz, label

log = logging.getLogger("seisinv.inversion")


CHECK = 5  # updates between looks at the shots that are watched
BEAT = 2.0  # seconds without a report, after which the shots that are done are one
CHECKS = 3  # looks in a row without a lower misfit of theirs, after which the band ends


class _BudgetSpent(Exception):
    """The next evaluation would exceed the budget of the band."""


class _Risen(Exception):
    """The misfit of the shots that are watched has risen."""


class _Explained(Exception):
    """The misfit has fallen to what no model explains."""


class BandRun:
    """One stage: its wavelet, its preconditioner, its evaluations."""

    def __init__(self, state: State, stage: Stage, x: np.ndarray) -> None:
        self.state, self.stage, self.index, self.band = state, stage, stage.index, stage.band
        self.problem, self.ledger = state.problem, state.ledger
        self.accepted = x
        self.iteration = 0
        self.evaluations = 0
        self.first_misfit: float | None = None
        self.lowest = float("inf")  # misfit of the band so far: trial points of a line search may be higher
        self.penalties: Sequence[Penalty] = ()
        self.scalars: dict[str, tuple[float, float, float]] = {}  # misfit, penalty, gradient norm by point
        self.data: dict[str, tuple[float, np.ndarray]] = {}  # misfit and its gradient, for the accepted point
        self.latest: tuple[str, float, np.ndarray] | None = None
        self.watched: list[tuple[float, np.ndarray]] = []  # misfit of the shots watched, and the point
        self.told = time.monotonic()  # when progress was last reported
        self.limit = state.limit(stage)  # of the solves counted so far, for another gradient

    def run(self) -> BandEnd:
        """Precondition, optimise, estimate the wavelet; leave the result in `accepted`."""
        x = self.accepted
        if self.stage.why:
            self._tell(f"{self.stage.kind}: {self.stage.why}")
        weights = self._weights(x)
        self.penalties = () if self.stage.search else self._penalties()
        self.objective(x)
        self.accept(x, iteration=0)
        reason = "the data are fitted exactly" if self.first_misfit == 0 else self._minimise(weights)
        if self.stage.search:
            return BandEnd(hertz(self.band), reason, self.iteration, self.evaluations)
        if self.problem.is_renewed:
            self._keep_wavelet(label(self.band), self.estimated_wavelet(self.accepted, f"{self.index:02d}-wavelet"))
        self.ledger.directory.write_model(f"models/band-{label(self.band)}.npz", self.state.model(self.accepted))
        self._tell(reason)
        return BandEnd(hertz(self.band), reason, self.iteration, self.evaluations, self.stage.kind, self.stage.why)

    def delays(self, percentile: float) -> tuple[float, float]:
        """Return a percentile of the absolute delays of the traces where the stage begins, and the period, both s."""

        def compute() -> dict[str, np.ndarray]:
            tasks = self._tasks(self.state.model(self.accepted))
            return {"found": np.array(residual_time(self.state.map(time_residuals, tasks), percentile))}

        name, solves = f"{self.index:02d}-times", len(self.problem.inverted)
        delay, period = self.ledger.kept(name, digest(self.accepted), compute, solves=solves)["found"].tolist()
        return delay, period

    def finished(self) -> Model:
        """Return the accepted model, or the last target of a prior with `finish`, whose misfit is then the last row."""
        prior, key = self.problem.finishing, digest(self.accepted)
        if prior is None:
            return self.state.model(self.accepted)
        seed = (self.ledger.seed, self.index, self.iteration, 1)
        final = self.problem.within(self._target("finish-target", partial(prior.last, seed=seed)))

        def compute() -> dict[str, np.ndarray]:
            return {"misfit": np.array(self.state.sum(misfit_and_gradient, self._tasks(final)).misfit)}

        kept = self.ledger.kept("finish-misfit", key, compute, solves=len(self.problem.inverted))
        before, after = self.scalars[key][0], float(kept["misfit"])
        self._tell(
            f"the result is a last target of the prior: misfit {before:.3g} → {after:.3g} (finish = false: without)"
        )
        self.iteration += 1
        self._record(final, after, 0.0, None)
        return final

    def objective(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return J/J₀ + R and its gradient with respect to the vector, from the run directory if it is there."""
        key = digest(x)
        if self.latest is not None and self.latest[0] == key:
            return self.latest[1], self.latest[2]
        if key not in self.data:
            self._evaluate(x, key)
        misfit, gradient = self.data[key]
        penalty, slope = self._penalised(x)
        value, total = misfit / (self.first_misfit or 1.0) + penalty, gradient + slope
        self.scalars[key] = (misfit, penalty, float(np.linalg.norm(total)))
        self.latest = (key, value, total)
        self._tell("", misfit)
        return value, total

    def _evaluate(self, x: np.ndarray, key: str) -> None:
        solves = 2 * len(self.problem.inverted)
        if self.limit is not None and self.ledger.solves + solves > self.limit:
            raise _BudgetSpent
        arrays = self.ledger.kept(
            f"{self.index:02d}-{self.evaluations:05d}", key, lambda: self._evaluated(x), solves=solves
        )
        self.evaluations += 1
        if self.first_misfit is None:
            self.first_misfit = float(arrays["misfit"])
        kept = digest(self.accepted)
        self.data = {k: v for k, v in self.data.items() if k == kept}
        self.data[key] = float(arrays["misfit"]), arrays["gradient"]

    def _penalised(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the penalties and their gradient with respect to the vector."""
        if not self.penalties:
            return 0.0, np.zeros_like(x)
        vector = torch.from_numpy(x.copy()).requires_grad_()
        model = self.problem.model(vector)
        value = sum((p(model).double() for p in self.penalties), torch.zeros((), dtype=torch.float64))
        if not value.requires_grad:
            return float(value), np.zeros_like(x)
        return float(value.detach()), torch.autograd.grad(value, vector)[0].numpy()

    def _minimise(self, weights: np.ndarray) -> str:
        try:
            self._may_go_on()
            return self.stage.optimizer.minimise(self.objective, self._space(self.accepted, weights), self._accept)
        except _Explained:
            share = self.problem.unmodelled_in(self.band)
            return f"the misfit is down to the {share:.2g} of that of the data which the grid cannot model"
        except _BudgetSpent:
            return f"its share of the {self.ledger.budget} wave-equation solves is spent"
        except _Risen:
            return self._back()

    def _accept(self, x: np.ndarray) -> bool:
        """Record a point; return whether a prior has set a new target."""
        self.accept(x)
        if self.stage.search:
            return False
        self._may_go_on()
        due = any(isinstance(p, PlugAndPlay) and self._is_due(p) for p in self.problem.penalties)
        if not due or self.iteration >= self.stage.optimizer.iterations:
            return False
        self.penalties, self.latest = self._penalties(), None
        return True

    def _may_go_on(self) -> None:
        """End the band where what is left to explain is not the model's.

        Raises
        ------
        _Explained, _Risen
        """
        if self.stage.search or self.stage.attempt:
            return
        if self.scalars[digest(self.accepted)][0] <= self.problem.unmodelled_in(self.band) * self._nothing:
            raise _Explained
        if self.problem.watched and self.iteration % CHECK == 0:
            self._watch()

    @cached_property
    def _nothing(self) -> float:
        """The misfit of the data where nothing is predicted."""
        if not self.problem.unmodelled:
            return 0.0

        def compute() -> dict[str, np.ndarray]:
            tasks = self._tasks(self.state.model(self.accepted), misfit=self.stage.misfit)
            return {"misfit": np.array(self.state.sum(misfit_of_nothing, tasks))}

        # Of the data alone: the same key wherever the band begins.
        return float(self.ledger.kept(f"{self.index:02d}-nothing", "data", compute, solves=0)["misfit"])

    def _watch(self) -> None:
        """Look at the shots that are watched, and end the band where their misfit has not fallen for long.

        Raises
        ------
        _Risen
        """
        model = self.state.model(self.accepted)

        def compute() -> dict[str, np.ndarray]:
            tasks = self._tasks(model, which="watched", misfit=self.stage.misfit)
            return {"misfit": np.array(self.state.sum(misfit_and_gradient, tasks).misfit)}

        name, solves = f"{self.index:02d}-watched-{self.iteration:05d}", len(self.problem.watched)
        found = float(self.ledger.kept(name, digest(self.accepted), compute, solves=solves)["misfit"])
        self.watched.append((found, self.accepted))
        lowest = int(np.argmin([misfit for misfit, _ in self.watched]))
        if len(self.watched) - 1 - lowest >= CHECKS:
            raise _Risen

    def _back(self) -> str:
        """Return to the point where the shots that are watched were fitted best; say so."""
        lowest, x = min(self.watched, key=lambda pair: pair[0])
        last = self.watched[-1][0]
        self.accept(x)
        return (
            f"the misfit of {len(self.problem.watched)} shots that are watched has risen from {lowest:.4g} to "
            f"{last:.4g}; the band goes back to its lowest"
        )

    def _is_due(self, prior: PlugAndPlay) -> bool:
        asked, since = divmod(self.iteration, prior.every)
        return since == 0 and (prior.targets is None or asked < prior.targets)

    def _penalties(self) -> list[Penalty]:
        """Return the current penalties; the targets of priors are kept for resuming."""
        progress = self.stage.number / (len(self.state.bands) - 1) if len(self.state.bands) > 1 else 1.0
        out: list[Penalty] = []
        for number, penalty in enumerate(self.problem.penalties):
            if isinstance(penalty, Penalty):
                out.append(penalty)
                continue
            seed = (self.ledger.seed, self.index, self.iteration)
            ask = partial(penalty.target, progress=progress, seed=seed)
            target = self._target(f"{self.index:02d}-target-{self.iteration:05d}-{number}", ask)
            out.append(penalty.penalty(target, progress=progress, misfit=self._relative()))
        return out

    def _target(self, name: str, ask: Callable[..., Model]) -> Model:
        """Return what a prior makes of the accepted model, kept under a name for resuming."""
        model, start = self.state.model(self.accepted), self.problem.unknown.start

        def compute() -> dict[str, np.ndarray]:
            target = ask(model, start=start, wavelength=self._wavelength(model))
            return {n: target[n].numpy() for n in target}

        arrays = self.ledger.kept(name, digest(self.accepted), compute, solves=0)
        return model.replace(**{n: torch.from_numpy(arrays[n]) for n in model})

    def _relative(self) -> float:
        """Return the data misfit of the accepted point over that at the start of the band."""
        known = self.scalars.get(digest(self.accepted))
        return 1.0 if known is None else known[0] / (self.first_misfit or 1.0)

    def accept(self, x: np.ndarray, iteration: int | None = None) -> None:
        """Record an accepted point; those of a search for the wavelet do not count as the run's."""
        self.iteration = self.iteration + 1 if iteration is None else iteration
        self.accepted = x.copy()
        if not self.stage.search:
            self._record(self.state.model(x), *self.scalars[digest(x)])

    def _record(self, model: Model, misfit: float, penalty: float, norm: float | None) -> None:
        row = history_row(
            self.ledger, model, (hertz(self.band), self.iteration), (misfit, self.first_misfit or 1.0),
            penalty=penalty, gradient_norm=norm, evaluations=self.evaluations,
        )  # fmt: skip
        self.ledger.record(row | self.stage.note, model)
        self._tell("", model=model)

    def _refuse_unless(self, is_finite: bool, what: str) -> None:
        if not is_finite:
            raise RunError(
                f"{what} in band {label(self.band)}, evaluation {self.evaluations}; "
                "check the data for NaN (seisinv info), and the bounds"
            )

    def _evaluated(self, x: np.ndarray) -> dict[str, np.ndarray]:
        point = self.problem.point(x)
        tasks = self._tasks(point.model, wanted=point.wanted, misfit=self.stage.misfit)
        result: ShotResult = self.state.sum(misfit_and_gradient, tasks, self._shots_done)
        self._refuse_unless(bool(np.isfinite(result.misfit)), f"the misfit is {result.misfit}")
        first = result.misfit if self.first_misfit is None else self.first_misfit
        gradient = point.chained({n: g / (first or 1.0) for n, g in result.gradient.items()})
        self._refuse_unless(bool(np.isfinite(gradient).all()), "the gradient is not finite")
        return {"misfit": np.array(result.misfit), "gradient": gradient}

    def hold_wavelet(self) -> None:
        """Estimate the wavelet in the accepted model from all frequencies, to be held from now on."""
        arrays = self._estimated(self.accepted, "wavelet")
        self.state.wavelet = self._as_model(arrays["wavelet"])
        told, doubtful = described(arrays, self.problem.observed.survey.source_time)
        log.log(logging.WARNING if doubtful else logging.INFO, "%s", told)
        if doubtful:
            self.state.doubts.append(f"holds a doubtful {told}")
        self._keep_wavelet(label(None), self.state.wavelet, arrays["spread"])

    def _keep_wavelet(self, name: str, wavelet: Tensor, spread: np.ndarray | None = None) -> None:
        self.state.wavelets[name] = wavelet
        axis = self.problem.observed.survey.source_time
        saved = {name: w.numpy() for name, w in self.state.wavelets.items()}
        saved |= {} if spread is None else {"spread": spread}
        self.ledger.directory.write_npz("wavelets.npz", **saved, dt=np.array(axis.step), start=np.array(axis.start))

    def estimated_wavelet(self, x: np.ndarray, name: str) -> Tensor:
        """Return the wavelet that fits best in a model."""
        return self._as_model(self._estimated(x, name)["wavelet"])

    def _estimated(self, x: np.ndarray, name: str) -> dict[str, np.ndarray]:
        """Return the wavelet that fits best in a model, and the standard error of it from shot to shot [time]."""
        model, survey = self.state.model(x), self.problem.observed.survey

        def compute() -> dict[str, np.ndarray]:
            tasks = self.problem.tasks(model, band=self.band, which="all")
            return collected(list(self.state.map(best_wavelets, tasks)), survey)

        return self.ledger.kept(name, digest(x), compute, solves=len(survey))

    def _as_model(self, wavelet: np.ndarray) -> Tensor:
        start = self.problem.unknown.start
        return torch.from_numpy(wavelet).to(start[start.leading].dtype)

    def _tasks(
        self,
        model: Model,
        *,
        wanted: Sequence[str] = (),
        misfit: Misfit | None = None,
        which: str = "inverted",
        point: Point | None = None,
    ) -> Iterator[ShotTask]:
        """Yield the shot groups of an evaluation in this stage's band, with the wavelet that the run holds."""
        held = self.state.wavelet
        return self.problem.tasks(
            model, wanted=wanted, band=self.band, misfit=misfit, wavelet=held, which=which, point=point
        )

    def _weights(self, x: np.ndarray) -> np.ndarray:
        shape = self.problem.unknown.shape
        if not self.problem.illumination or shape is None:
            return np.ones_like(x)
        self._tell("estimating the illumination")

        def compute() -> dict[str, np.ndarray]:
            point = self.problem.point(x)
            tasks = self._tasks(point.model, wanted=point.wanted, point=point)
            diagonal = self.state.sum(partial(squared_projection, seed=self.ledger.seed), tasks, self._shots_done)
            free = self.problem.free().reshape(shape)
            return {"weights": weights_from(diagonal.reshape(shape), free, self._resolution(point.model)).ravel()}

        solves = 2 * len(self.problem.inverted)
        return self.ledger.kept(f"{self.index:02d}-illumination", digest(x), compute, solves=solves)["weights"]

    def _resolution(self, model: Model) -> tuple[float, ...]:
        """Half a wavelength at the top of the band in cells, at least 3: over this, illumination does not change."""
        length = 0.5 * (self._wavelength(model) or 0.0)
        return tuple(max(3.0, length / h) for h in model.grid.spacing)

    def _wavelength(self, model: Model) -> float | None:
        """Shortest wavelength of the band in m, at the mean velocity."""
        return None if self.band is None else float(model[model.leading].detach().mean()) / self.band.high

    def _space(self, x: np.ndarray, weights: np.ndarray) -> Space:
        unknown = self.problem.unknown
        low, high = unknown.bounds()
        sigma = None
        if self.problem.smooth and unknown.shape is not None:
            sigma = tuple(self.problem.smooth / h for h in unknown.start.grid.spacing)
        return Space(
            start=x, low=low, high=high, weights=weights, first_step=unknown.first_step, unit=unknown.unit,
            shape=unknown.shape, sigma=sigma,
        )  # fmt: skip

    def _shots_done(self, groups: int) -> None:
        """Say how many shots of the evaluation are done."""
        every, size = len(self.problem.inverted), self.problem.batch_shots or BATCH
        if size < every and time.monotonic() - self.told > BEAT:
            self._tell("", shots=(min(groups * size, every), every))

    def _tell(
        self,
        message: str,
        misfit: float | None = None,
        model: Model | None = None,
        shots: tuple[int, int] | None = None,
    ) -> None:
        if message:
            log.debug("band %s: %s", label(self.band), message)
        if misfit is not None:
            self.lowest = misfit = min(self.lowest, misfit)
        if self.state.progress is None:
            return
        self.told = time.monotonic()
        per_evaluation = self.ledger.seconds / max(self.ledger.solves, 1) * 2 * len(self.problem.inverted)
        later = (len(self.state.bands) - self.stage.number - 1) * self.state.optimizer.iterations
        left: float = later + self.stage.optimizer.iterations - self.iteration
        if self.ledger.budget is not None:
            left = min(left, (self.ledger.budget - self.ledger.solves) / (2 * len(self.problem.inverted)))
        self.state.progress(
            Event(
                band=hertz(self.band), band_number=self.stage.number + 1, bands=len(self.state.bands),
                iteration=self.iteration, iterations=self.stage.optimizer.iterations, evaluations=self.evaluations,
                misfit=misfit, relative=None if misfit is None else misfit / (self.first_misfit or 1.0),
                solves=self.ledger.solves, seconds=self.ledger.seconds,
                eta=per_evaluation * left if self.ledger.solves else None, replayed=self.ledger.replayed,
                message=message, model=model, budget=self.ledger.budget, searches=bool(self.stage.search), shots=shots,
            )
        )  # fmt: skip
