"""Evaluation of models by the data they predict, with the same propagator, data and bands for all runs.

The misfit is the share of the observed energy that a model leaves unexplained, Σ (d − p)² / Σ d² over the live traces,
filtered and muted as for the last band, whatever misfit the run itself has lowered; where there are several components,
they are divided by their RMS. A wavelet that is not known is estimated from the inverted shots; hold-out shots get that
of the nearest inverted one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seisinv.compare.scores import DataScores
from seisinv.core import Gathers, Model, Observed, Simulator
from seisinv.core.gathers import part_of
from seisinv.core.model import solid
from seisinv.inversion.problem import Inversion, batches
from seisinv.inversion.tasks import Evaluation, ShotTask, misfit_and_gradient, predicted
from seisinv.misfit import Misfit
from seisinv.signal.delays import delays, power_spectrum, with_signal
from seisinv.signal.processing import Band, Window, processed
from seisinv.spread import Executor, TaskRunner, spread_over

SHOWN = 3  # inverted shots, and hold-out shots, that a page shows


@dataclass(frozen=True, eq=False)
class ShownShot:
    """A shot for display: arrays [receiver, time] of live traces of one component, processed as in the last band."""

    number: int
    held_out: bool
    offsets: np.ndarray
    data: np.ndarray


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Mean power of the inverted shots by frequency (Hz), unfiltered: observed, predicted, and what is left."""

    frequency: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    left: np.ndarray


@dataclass(frozen=True, eq=False)
class Prediction:
    """Data predicted in a model: unexplained shares, delays in periods, some shots, spectra.

    `held_misfit` is that of the hold-out shots in the misfit that is inverted.
    """

    misfit: float
    held_shots: float | None
    held_band: float | None
    delays: np.ndarray
    shots: tuple[ShownShot, ...]
    observed: tuple[ShownShot, ...]
    spectrum: Spectrum
    held_misfit: float | None = None
    inverted_misfit: float = 0.0


@dataclass(frozen=True, eq=False)
class _Measures:
    """How groups of shots are measured: the same for all."""

    misfit: Misfit
    band: Band | None
    held_band: Band | None
    window: Window | None
    shown: Mapping[bool, set[int]]


@dataclass(frozen=True, eq=False)
class _Predicting:
    """A group of shots to be predicted; `held` ones have their wavelets in the simulator."""

    task: ShotTask
    held: bool
    shared: tuple[Evaluation, _Measures]

    @property
    def name(self) -> str:
        """What it is called where it is lost."""
        return self.task.name


@dataclass(eq=False)
class _Sums:
    """Energies and delays of groups of shots, some of their shots, and their wavelets."""

    energy: dict[str, list[float]] = field(default_factory=dict)
    delays: list[np.ndarray] = field(default_factory=list)
    power: np.ndarray | None = None
    spectra: np.ndarray | None = None
    misfit: dict[str, float] = field(default_factory=dict)
    shots: list[ShownShot] = field(default_factory=list)
    recorded: list[ShownShot] = field(default_factory=list)
    wavelets: list[np.ndarray] = field(default_factory=list)

    def compare(self, kind: str, observed: Gathers, simulated: Gathers) -> None:
        """Add the observed energy and what is left of it."""
        live = (observed.live & simulated.live)[..., None]
        d, p = (torch.where(live, g.data, 0.0) for g in (observed, simulated))
        whole, left = self.energy.setdefault(kind, [0.0, 0.0])
        self.energy[kind] = [whole + float(d.square().sum()), left + float((d - p).square().sum())]

    def share(self, kind: str) -> float | None:
        """Return the share of the energy that is left."""
        whole, left = self.energy.get(kind, [0.0, 0.0])
        return left / whole if whole else None

    def __add__(self, other: _Sums) -> _Sums:
        """Return the sums over both."""

        def both(one: np.ndarray | None, two: np.ndarray | None) -> np.ndarray | None:
            return two if one is None else one if two is None else one + two

        energy = {k: list(v) for k, v in self.energy.items()}
        for kind, (whole, left) in other.energy.items():
            mine = energy.get(kind, [0.0, 0.0])
            energy[kind] = [mine[0] + whole, mine[1] + left]
        kinds = {**self.misfit, **other.misfit}
        return _Sums(
            energy, self.delays + other.delays, both(self.power, other.power), both(self.spectra, other.spectra),
            {k: self.misfit.get(k, 0.0) + other.misfit.get(k, 0.0) for k in kinds}, self.shots + other.shots,
            self.recorded + other.recorded, self.wavelets + other.wavelets,
        )  # fmt: skip


def _measured(predicting: _Predicting) -> _Sums:
    """Predict a group of shots, and measure what is left unexplained."""
    evaluation, how = predicting.shared
    task, kind = replace(predicting.task, shared=evaluation), "held" if predicting.held else "inverted"
    sums = _Sums()
    simulated, observed, wavelet = predicted(task)
    if wavelet is not None:
        # Once more with it: what was convolved afterwards is spoilt where arrivals are cut by the record's end.
        rows = wavelet.expand(len(task.shots), -1)
        source = rows[:, None].expand(-1, task.simulator.survey.max_sources, -1).to(simulated.data.dtype)
        with torch.no_grad():
            simulated = task.simulator(Model(evaluation.grid, **evaluation.parameters), source)
        sums.wavelets.append(rows.numpy())
    live = observed.live & simulated.live
    observed, simulated = observed.replace(live=live), simulated.replace(live=live)
    weights = None
    if (balance := evaluation.balance) is not None:
        observed, simulated = (balance.even(g.replace(data=g.data.double())) for g in (observed, simulated))
        weights = balance.of(observed.survey)
    d, p = (processed(g, how.band, how.window) for g in (observed, simulated))
    sums.compare(kind, d, p)
    sums.misfit[kind] = float(how.misfit(p, d, weights=weights))
    if not predicting.held:
        _measure(sums, how, (observed, simulated), (d, p))
    for k, number in enumerate(task.shots):
        if number in how.shown[predicting.held]:
            sums.recorded.append(_shown(d, k, predicting.held))
            sums.shots.append(_shown(p, k, predicting.held))
    return sums


def _measure(sums: _Sums, how: _Measures, whole: tuple[Gathers, Gathers], filtered: tuple[Gathers, Gathers]) -> None:
    """Add the held-out band, delays and spectra of a group of inverted shots."""
    (d, p), dt = filtered, whole[0].survey.time.step
    if how.held_band is not None:
        sums.compare("band", *(processed(g, how.held_band, how.window) for g in whole))
    traces = d.live.numpy()
    a, b = with_signal(p.data.numpy()[traces], d.data.numpy()[traces])
    if len(b):
        sums.delays.append(np.abs(delays(a, b, dt)))
        sums.power, _ = power_spectrum(b, dt)
    every = [processed(g, None, how.window).data.numpy()[traces] for g in whole]
    sums.spectra = np.stack([(np.abs(np.fft.rfft(v)) ** 2).sum(0) for v in (*every, every[0] - every[1])])


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluator:
    """Predicts the data in a model and measures what is left unexplained.

    Parameters
    ----------
    problem : Inversion
        Whose propagator, data, wavelet and window evaluate all models.
    band : Band or None
        Last band of the inversion.
    held_band : Band, optional
        Hold-out band: frequencies that were not inverted.
    held_out : Observed, optional
        Hold-out shots, which were not inverted, on the same time axis.
    executor : optional
        Where shots are predicted; see `seisinv.spread`.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.compare import Evaluator
    >>> grid = si.Grid((13, 21), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 300, every=200, depth=20), wavelet=si.ricker(6),
    ...                            receivers=si.line(0, 400, every=40, depth=220), duration=0.5, dt=4e-3)
    >>> simulate = si.Propagator(si.Acoustic(), grid, survey, vp_max=2600)
    >>> start, truth = (si.Model(grid, vp=vp) for vp in (2000.0, 2050.0))
    >>> problem = si.Inversion(propagator=simulate, observed=simulate(truth),
    ...                        unknown=si.unknowns.Bounded(start, vp=(1500, 2600)))
    >>> evaluator = Evaluator(problem=problem)
    >>> evaluator.predict(truth).misfit, evaluator.predict(start).misfit > 0
    (0.0, True)
    """

    problem: Inversion
    band: Band | None = None
    held_band: Band | None = None
    held_out: Observed | None = None
    executor: Executor = None

    def predict(self, model: Model) -> Prediction:
        """Predict all shots in a model; costs one simulation of each, two where the wavelet is estimated.

        Parameters
        ----------
        model : Model

        Returns
        -------
        Prediction
        """
        start = self.problem.unknown.start
        missing = {n: start[n] for n in start if n not in model}
        model = model.replace(**solid(missing, model))
        sums: _Sums = self._spread.sum(_measured, self._inverted(model))
        wavelets = np.concatenate(sums.wavelets) if sums.wavelets else None
        if self.held_out is not None:
            sums += self._spread.sum(_measured, self._held(model, wavelets))
        return Prediction(
            sums.share("inverted") or 0.0, sums.share("held"), sums.share("band"), self._in_periods(sums),
            tuple(sums.shots), tuple(sums.recorded), self._spectrum(sums), sums.misfit.get("held"),
            sums.misfit["inverted"],
        )  # fmt: skip

    def misfit(self, model: Model, prediction: Prediction, wavelet: Tensor | None = None) -> float:
        """Return the misfit that was inverted; it is that of the prediction unless wavelets are estimated.

        Parameters
        ----------
        model : Model
        prediction : Prediction
            In that model.
        wavelet : tensor [time] or [shot, source, time], optional
            The one that the run held.
        """
        if self.problem.estimate() is None and not self.problem.watched:
            return prediction.inverted_misfit
        tasks = self.problem.tasks(model, band=self.band, wavelet=wavelet)
        return float(self._spread.sum(misfit_and_gradient, tasks).misfit)

    def _in_periods(self, sums: _Sums) -> np.ndarray:
        """Return the absolute delays over the period of the mean frequency of the observed traces."""
        if sums.power is None or not sums.power.any():
            return np.full(1, np.nan)
        n, dt = 2 * (len(sums.power) - 1), self.problem.observed.survey.time.step
        mean = float((sums.power * np.fft.rfftfreq(n, dt)).sum() / sums.power.sum())
        return np.concatenate(sums.delays) * mean

    def _spectrum(self, sums: _Sums) -> Spectrum:
        assert sums.spectra is not None  # there is at least one shot
        time = self.problem.observed.survey.time
        return Spectrum(np.fft.rfftfreq(time.samples, time.step), *sums.spectra)

    @property
    def _spread(self) -> TaskRunner:
        return spread_over(self.executor)

    @property
    def _measures(self) -> _Measures:
        return _Measures(self.problem.misfit, self.band, self.held_band, self.problem.window, self._shown)

    def _inverted(self, model: Model) -> Iterator[_Predicting]:
        """Yield the groups of inverted shots."""
        bands = [b for b in (self.band, self.held_band) if b is not None]
        widest = max(bands, key=lambda b: b.high) if self.band is not None else None
        shared: tuple[Evaluation, _Measures] | None = None
        for task in self.problem.tasks(model, band=widest, which="all"):
            shared = shared or (task.shared, self._measures)
            yield _Predicting(replace(task, shared=None), False, shared)  # type: ignore[arg-type]

    def _held(self, model: Model, wavelets: np.ndarray | None) -> Iterator[_Predicting]:
        """Yield the groups of hold-out shots, with the wavelets of the nearest inverted ones."""
        assert self.held_out is not None  # asked for only where there are some
        known = Evaluation(
            grid=model.grid, parameters={n: model[n].detach() for n in model}, wanted=(), misfit=self.problem.misfit,
            balance=self.problem.balance,
        )  # fmt: skip
        shared = (known, self._measures)
        for shots in batches(len(self.held_out)):
            observed, rows = part_of(self.held_out, shots)
            task = ShotTask(self._simulator(shots, wavelets), observed, rows, tuple(shots), None)  # type: ignore[arg-type]
            yield _Predicting(task, True, shared)

    def _simulator(self, shots: Sequence[int], wavelets: np.ndarray | None) -> Simulator:
        """Return the simulator of hold-out shots, with the wavelets of the nearest inverted ones."""
        assert self.held_out is not None  # asked for only where there are some
        survey, inverted = self.held_out.survey.subset(shots), self.problem.propagator.survey
        positions = np.array([shot.sources[0] for shot in inverted.shots])
        near = [int(np.argmin(np.linalg.norm(positions - shot.sources[0], axis=1))) for shot in survey.shots]
        if wavelets is not None:
            w = torch.from_numpy(wavelets[near])[:, None].expand(-1, survey.max_sources, -1)
        else:
            known = inverted.wavelet
            assert known is not None  # an inversion without one estimates it
            w = known if known.ndim == 1 else known[near][:, : survey.max_sources]
        return dataclasses.replace(self.problem.propagator, survey=survey.with_wavelet(w))  # type: ignore[type-var]

    @cached_property
    def _shown(self) -> dict[bool, set[int]]:
        counts = {False: len(self.problem.observed), True: 0 if self.held_out is None else len(self.held_out)}
        return {held: _spread(count) for held, count in counts.items()}


def data_scores(found: Prediction, start: Prediction) -> DataScores:
    """Return the scores of the data predicted in a model, relative to those in its starting model."""
    return DataScores(
        misfit=found.misfit,
        ratio=_over(found.misfit, start.misfit),
        held_shots=found.held_shots,
        held_shots_ratio=None if found.held_shots is None else _over(found.held_shots, start.held_shots or 0.0),
        held_band=found.held_band,
        delay_median=float(np.median(found.delays)),
        delay_high=float(np.percentile(found.delays, 95)),
        skipped=float(np.mean(found.delays > 0.5)),
    )


def _over(value: float, before: float) -> float:
    return value / before if before else 1.0


def _spread(count: int) -> set[int]:
    return set(np.linspace(0, count - 1, min(count, SHOWN)).round().astype(int).tolist())


def _shown(gathers: Gathers, k: int, held: bool) -> ShownShot:
    live, names = gathers.live[k].numpy().copy(), gathers.survey.shots[k].components
    if names is not None:  # traces of one place would cover each other
        live[: len(names)] &= np.array(names) == names[0]
    offsets = gathers.survey.offsets[k, : len(live)][live]
    return ShownShot(gathers.survey.shots[k].number, held, offsets, gathers.data[k].numpy()[live].astype(np.float32))
