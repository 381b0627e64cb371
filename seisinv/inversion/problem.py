"""The problem of waveform inversion: data, simulator, unknown, misfit and penalties; `invert` solves it.

    minimise  J(m) / J(m₀) + R(m)   within the bounds,   J = Σ_shots misfit(P F(m), P d)

band by band: P filters and mutes both sides alike, F simulates with the known or the best wavelet, m₀ is the model at
the start of the band, R the penalties. The gradient of J comes from the propagator's exact adjoint through torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Model, Observed, Simulator
from seisinv.core.gathers import part_of
from seisinv.core.identity import digest
from seisinv.inversion.balance import Balance, balance_of
from seisinv.inversion.continuation import Continuation
from seisinv.inversion.optimizers import Optimizer
from seisinv.inversion.point import Point, with_water
from seisinv.inversion.tasks import Evaluation, ShotTask
from seisinv.inversion.wavelet import EstimateWavelet, highest_frequency, of_shots
from seisinv.misfit import L2, Misfit
from seisinv.priors import Penalty, PlugAndPlay
from seisinv.priors.penalty import listed
from seisinv.propagate import Propagator
from seisinv.runs.fingerprint import data_digest
from seisinv.signal.processing import Band, Window, check_same_survey
from seisinv.unknowns import Unknown, water_mask

BATCH = 16  # shots per group; fixed, so that sums do not depend on the machine


@dataclass(frozen=True, eq=False, kw_only=True)
class Inversion:
    """A problem: find the unknown whose simulated data fit the observed.

    Parameters
    ----------
    propagator : Propagator
        Built with the survey of the data; give it `vp_max` = the upper bound, so that its step stays the same.
    observed : Gathers or a lazy file
        Observed data.
    unknown : Unknown
        For example `unknowns.Bounded(start, vp=(1450, 4800))`.
    misfit : Misfit
    penalty : Penalty, learned prior, or several, optional
        Added to the relative misfit; see `priors.penalty` for units.
    water : float (m) or bool array [z, x], optional
        Cells that keep their starting value, besides those that `unknown` keeps: above a depth, or where the mask is
        True.
    smooth : float, m, optional
        Standard deviation of a Gaussian that smooths updates.
    illumination : bool
        Precondition with a randomised estimate of the Gauss–Newton diagonal; costs one gradient per band.
    wavelet : "known", "estimate", or EstimateWavelet
        Use the survey's wavelet, or estimate one from the data; see `EstimateWavelet`.
    window : Window, optional
        Offsets, times and mutes.
    batch_shots : int, optional
        Neighbouring shots per group (default 16): bounds the memory, is what an executor spreads, and shares a wavelet
        where one is estimated.
    continuation : Continuation, optional
        Fit traveltimes before waveforms where a band needs it, and begin no band that would skip cycles.
    watched : sequence of int
        Indices of shots that are not inverted: a band ends where their misfit rises, since it then fits noise.
    unmodelled : sequence of (float, float)
        Pairs of a frequency in Hz and the share of the data's misfit up to it that no model on this grid explains: a
        band ends where its misfit has fallen to that share of the misfit of no prediction.
    weights : mapping of str to float
        How much the traces of a component count where the data have several (default: 1); they are divided by the
        component's RMS in all data first.

    Raises
    ------
    ConfigError
        If the parts do not fit each other.
    DataError
        If the data are not those of the propagator's survey.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.inversion import Inversion, LBFGS, invert
    >>> grid = si.Grid((21, 31), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 500, every=200, depth=20), wavelet=si.ricker(6),
    ...                            receivers=si.line(0, 600, every=40, depth=380), duration=0.6, dt=4e-3)
    >>> simulate = si.Propagator(si.Acoustic(), grid, survey, vp_max=2600)
    >>> start = si.Model(grid, vp=2000.0)
    >>> problem = Inversion(propagator=simulate, observed=simulate(si.Model(grid, vp=2050.0)),
    ...                     unknown=si.unknowns.Bounded(start, vp=(1500, 2600)))
    >>> result = invert(problem, LBFGS(iterations=2))
    >>> result.history[-1]["misfit"] < 0.5 * result.history[0]["misfit"]
    True
    """

    propagator: Simulator
    observed: Observed
    unknown: Unknown
    misfit: Misfit = field(default_factory=L2)
    penalty: Penalty | PlugAndPlay | Sequence[Penalty | PlugAndPlay] | None = None
    water: float | np.ndarray | Tensor | None = None
    smooth: float | None = None
    illumination: bool = True
    wavelet: str | EstimateWavelet = "known"
    window: Window | None = None
    batch_shots: int | None = None
    continuation: Continuation | None = None
    watched: Sequence[int] = ()
    unmodelled: Sequence[tuple[float, float]] = ()
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_same_survey(self.observed.survey, self.propagator.survey)
        if self.unknown.start.grid != self.propagator.grid:
            raise ConfigError("the starting model and the propagator are on different grids; build both on one grid")
        if isinstance(self.wavelet, str) and self.wavelet not in ("known", "estimate"):
            raise ConfigError(f"wavelet is {self.wavelet!r}; it must be 'known', 'estimate' or EstimateWavelet(…)")
        if self.wavelet == "known" and self.propagator.survey.wavelet is None:
            raise ConfigError(
                "the survey has no wavelet; pass wavelet='estimate', or give the survey one with with_wavelet(…)"
            )
        if self.batch_shots is not None and self.batch_shots < 1:
            raise ConfigError(f"batch_shots is {self.batch_shots}; a group needs at least 1 shot")
        if self.smooth is not None and not self.smooth >= 0:
            raise ConfigError(f"smooth is {self.smooth:g} m; a smoothing length is 0 or more")
        if self.smooth and self.unknown.shape is None:
            raise ConfigError(
                f"smooth is {self.smooth:g} m, but {type(self.unknown).__name__} has no values on the grid to smooth; "
                "leave smooth out"
            )
        if not set(self.watched) < set(range(len(self.observed))):
            raise ConfigError(
                f"watched is {list(self.watched)}; it names some of the shots 0 to {len(self.observed) - 1}, not all"
            )
        for prior in self.penalties:
            if not isinstance(prior, Penalty | PlugAndPlay):
                raise ConfigError(f"penalty is {prior!r}; pass objects, such as priors.TotalVariation(0.01)")
            if isinstance(prior, PlugAndPlay):
                prior.check(self.unknown.start)

    def model(self, vector: Tensor) -> Model:
        """Return the model of an unknown's vector [n], with the water as it was at the start."""
        return self._with_water(self.unknown.model(vector))

    def tasks(
        self,
        model: Model,
        *,
        wanted: Sequence[str] = (),
        band: Band | None = None,
        misfit: Misfit | None = None,
        wavelet: Tensor | None = None,
        which: str = "inverted",
        point: Point | None = None,
    ) -> Iterator[ShotTask]:
        """Yield the shot groups of one evaluation, in fixed order; `misfit` in place of the problem's own.

        Parameters
        ----------
        model : Model
        wanted : sequence of str
            Parameters of which gradients are wanted.
        band : Band, optional
            Pass band of both sides.
        misfit : Misfit, optional
        wavelet : tensor [time] or [shot, source, time], optional
            Held in place of the known or estimated one.
        which : "inverted", "watched" or "all"
            Shots.
        point : Point, optional
            Of the model, for gradients with respect to the unknown's vector.
        """
        parameters = {n: model[n].detach() for n in model}
        # Of the starting model, not the current one: the objective may not change from step to step.
        slowest = _slowest(self.propagator, self.unknown.start)
        highest = highest_frequency(model.grid, slowest, self.observed.survey.time, band)
        shared = Evaluation(
            grid=model.grid, parameters=parameters, wanted=tuple(wanted), misfit=misfit or self.misfit,
            wavelet=self.estimate() if wavelet is None else None, highest=highest, band=band, window=self.window,
            point=point, balance=self.balance,
        )  # fmt: skip
        for shots, simulator in self._groups[which]:
            observed, rows = part_of(self.observed, shots)
            yield ShotTask(
                simulator=simulator,
                observed=observed,
                rows=rows,
                shots=tuple(shots),
                shared=shared,
                source=of_shots(wavelet, shots),
            )

    def point(self, x: np.ndarray) -> Point:
        """Return a vector with its model.

        Parameters
        ----------
        x : array [n]
        """
        return Point(self.unknown, self._water, x)

    @property
    def penalties(self) -> Sequence[Penalty | PlugAndPlay]:
        """The penalties and priors, as a sequence."""
        return listed(self.penalty)

    @property
    def finishing(self) -> PlugAndPlay | None:
        """The prior whose last target is the result, if there is one."""
        return next((p for p in self.penalties if isinstance(p, PlugAndPlay) and p.finish), None)

    def estimate(self) -> EstimateWavelet | None:
        """Return the way in which the wavelet is estimated, None if it is known."""
        if isinstance(self.wavelet, EstimateWavelet):
            return self.wavelet
        return EstimateWavelet() if self.wavelet == "estimate" else None

    def free(self) -> np.ndarray:
        """Return which entries of the vector may change, as bool [n]."""
        low, high = self.unknown.bounds()
        free = low < high
        if self.water_cells is not None and self.unknown.shape is not None:
            free = free & ~np.broadcast_to(self.water_cells, self.unknown.shape).ravel()
        return free

    def within(self, model: Model) -> Model:
        """Return the nearest model that this inversion may end with."""
        return self._with_water(self.unknown.within(model))

    def fingerprint(
        self, optimizer: Optimizer, bands: Sequence[Band | None], seed: int, budget: int | None = None
    ) -> dict[str, str]:
        """Return hashes of everything that the numbers of a run depend on, by name.

        Parameters
        ----------
        optimizer : Optimizer
        bands : sequence of Band or None
        seed : int
        budget : int, optional
            As for `invert`.
        """
        start = self.unknown.start
        continued = {} if self.continuation is None else {"ladder": digest(self.continuation)}
        continued |= {"watched": digest(sorted(self.watched))} if self.watched else {}
        continued |= {"unmodelled": digest([list(pair) for pair in self.unmodelled])} if self.unmodelled else {}
        continued |= {} if self.balance is None else {"components": digest(self.balance)}
        return continued | {
            "data": data_digest(self.observed),
            "start": digest(start.grid, dict(start.parameters)),
            "bounds": digest(*self.unknown.bounds()),
            "unknown": digest(self.unknown, self.unknown.vector()),
            "propagator": digest(self.propagator),
            "misfit": digest(self.misfit),
            "penalty": digest(self.penalty),
            "water": digest(self._given_water),
            "smooth": digest(self.smooth),
            "illumination": digest(self.illumination),
            "wavelet": digest(self.estimate()),
            "window": digest(self.window),
            "batch_shots": digest(self.batch_shots),
            "optimizer": digest(optimizer),
            "bands": digest(list(bands)),
            "seed": digest(seed),
            "budget": digest(budget),
        }

    def least_solves(self, bands: int) -> int:
        """Return what a run costs at least: its stages, the delays between them, first wavelet, last misfit.

        Parameters
        ----------
        bands : int
            Number of bands.
        """
        shots = len(self.inverted)
        wavelet = 0 if self.estimate() is None else len(self.observed)
        band = self.least_of_stage if self.continuation is None else 2 * (self.least_of_stage + shots)
        return bands * band + wavelet + (0 if self.finishing is None else shots)

    @property
    def least_of_stage(self) -> int:
        """Solves that a stage costs at least: illumination, gradient, wavelet."""
        gradients = 2 if self.illumination and self.unknown.shape is not None else 1
        shots = len(self.inverted)
        return 2 * gradients * shots + (shots if self.is_renewed else 0)

    @property
    def is_renewed(self) -> bool:
        """Whether the wavelet is estimated anew with every evaluation."""
        how = self.estimate()
        return how is not None and not how.search

    def record(
        self, optimizer: Optimizer, bands: Sequence[Band | None], seed: int, budget: int | None = None
    ) -> dict[str, Any]:
        """Return the table [job] of run.toml.

        Parameters
        ----------
        optimizer : Optimizer
        bands : sequence of Band or None
        seed : int
        budget : int, optional
            As for `invert`.
        """
        job = {
            "optimizer": repr(optimizer),
            "bands": ["all frequencies" if b is None else repr(b) for b in bands],
            "misfit": repr(self.misfit),
            "ladder": "none" if self.continuation is None else repr(self.continuation),
            "penalty": "none" if self.penalty is None else repr(self.penalty),
            "prior": [repr(p.identity) for p in self.penalties if isinstance(p, PlugAndPlay)],
            "unknown": type(self.unknown).__name__,
            "water": "none" if self._given_water is None else f"{int(self._given_water.sum())} cells",
            "smooth": self.smooth or 0.0,
            "illumination": self.illumination,
            "wavelet": "known" if self.estimate() is None else repr(self.estimate()),
            "window": "none" if self.window is None else repr(self.window),
            "batch_shots": self.batch_shots or BATCH,
            "shots": len(self.observed),
            "watched": list(self.watched),
            "unmodelled": [list(pair) for pair in self.unmodelled],
            "budget": "none" if budget is None else budget,
            "seed": seed,
        }
        return {"job": job if self.balance is None else {**job, "components": repr(self.balance)}}

    @cached_property
    def balance(self) -> Balance | None:
        """The balance between the components of the data, which are all read for it; None where there is only one."""
        return balance_of(self.observed, self.window, self.weights)

    @property
    def water_cells(self) -> np.ndarray | None:
        """Cells [z, x] that keep their starting value, None where all may change."""
        return None if self._water is None else self._water.numpy()

    @cached_property
    def _given_water(self) -> Tensor | None:
        return None if self.water is None else water_mask(self.unknown.start.grid, self.water)

    @cached_property
    def _water(self) -> Tensor | None:
        masks = [mask for mask in (self._given_water, self.unknown.fixed) if mask is not None]
        return torch.stack(masks).any(0) if masks else None

    def _with_water(self, model: Model) -> Model:
        return with_water(model, self.unknown.start, self._water)

    def unmodelled_in(self, band: Band | None) -> float:
        """Return the share of a band's misfit that no model explains.

        Parameters
        ----------
        band : Band or None
        """
        if not self.unmodelled:
            return 0.0
        frequencies, shares = zip(*sorted(self.unmodelled), strict=True)
        return float(np.interp(frequencies[-1] if band is None else band.high, frequencies, shares))

    @property
    def inverted(self) -> list[int]:
        """Indices of the shots that are inverted."""
        return [k for k in range(len(self.observed)) if k not in self.watched]

    @cached_property
    def _groups(self) -> dict[str, list[tuple[list[int], Simulator]]]:
        every = {"inverted": self.inverted, "watched": sorted(self.watched), "all": range(len(self.observed))}
        size = self.batch_shots or BATCH
        return {
            which: [([shots[i] for i in group], self.propagator.subset([shots[i] for i in group]))
                    for group in batches(len(shots), size)]
            for which, shots in every.items()
        }  # fmt: skip


def _slowest(simulator: Simulator, model: Model) -> float:
    """Return the speed of the slowest wave, m/s; that of P waves where a simulator has no wave equation."""
    if isinstance(simulator, Propagator):
        return float(simulator.physics.speeds(model.parameters)[0].detach().min())
    return float(model[model.leading].detach().min())


def batches(count: int, size: int = BATCH) -> list[list[int]]:
    """Return the numbers of shots in groups of neighbours."""
    return [list(range(a, min(a + size, count))) for a in range(0, count, size)]
