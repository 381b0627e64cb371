"""First-arrival traveltime tomography: from picks to a smooth velocity model.

min over u, d of  Σ ρ((T(s₀ e^(Bu)) + d − t) / σ) / n + uᵀ P u

s₀ is the medium v = v₀ + k z that fits the picks best, ρ is Huber's function, d one delay for all, small where the lag
of the wavelet is known. B interpolates between knots and P is the precision of what is known of u before any pick: it
is smooth over a part of a wavelength, about 12 % in size (`knots`). n is the number of picks within a wavelength: they
err alike, since the waves they see averaged over the same rock, and count as one. The result is the most probable model
(Tarantola & Valette 1982, doi:10.1029/RG020i002p00219); where no ray runs it goes over to the gradient medium.
Gauss–Newton: the rows of the Jacobian are exact derivatives of the upwind eikonal scheme, one sparse triangular solve
per pick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags

from seisinv.core import ConfigError, DataError, GeometryError, Grid, Model
from seisinv.core.resampling import bilinear
from seisinv.core.survey import reaches
from seisinv.traveltime.eikonal import Arrivals, Linearised, arrivals
from seisinv.traveltime.knots import Knots, layered_knots
from seisinv.traveltime.picking import Picks

HUBER = 1.5  # standard deviations beyond which residuals count linearly
SIGMA = 0.03  # periods: standard deviation of a pick of quality 1
SMOOTH = (0.4, 1.6)  # wavelengths at the surface over which the update varies, along z and x
LEFT, UNKNOWN = 0.05, 0.5  # periods: how large the delay may be with and without a known lag
GUESSES = ((1.0, 0.1), (0.7, 1.0), (0.4, 5.0))  # of v₀ and k from which a medium is sought, as shares of mean speeds
STEEPEST = (1e-3, 1000.0)  # 1/s; gradients of the medium, least and largest
GAIN = 0.01  # relative gain of the objective below which a fit ends


@dataclass(frozen=True)
class Fit:
    """A step of the fit: its number, what is fitted ("gradient" or "smooth"), RMS residual in s, and the objective."""

    step: int
    medium: str
    rms: float
    objective: float


@dataclass(frozen=True, eq=False)
class Tomogram:
    """What came out of a tomography.

    Parameters
    ----------
    model : Model
    gradient : Model
        The medium v₀ + k z it began from, fitted to the same picks.
    line : (float, float)
        v₀ in m/s and k in 1/s, from the top of the rock.
    predicted : (shot, receiver) array, s
        Times in `model` plus the delay, at the picks; NaN elsewhere.
    predicted_gradient : (shot, receiver) array, s
        The same in `gradient`.
    delay : float, s
    coverage : (nz, nx) array
        Sum of the lengths of ray in each cell over the cell's width.
    history : tuple of Fit

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.traveltime import Picks
    >>> grid = si.Grid((3, 3), 100.0)
    >>> survey = si.Survey.surface(sources=si.line(0, 0, every=1), receivers=si.line(0, 200, every=100),
    ...                            wavelet=si.ricker(15), duration=0.6, dt=2e-3)
    >>> model, times = si.Model(grid, vp=2000.0), np.abs(survey.offsets) / 2000.0
    >>> found = Tomogram(model, model, (2000.0, 0.0), times + 0.001, times, 0.0, np.ones(grid.shape), ())
    >>> found.by_offset(Picks(survey, times, np.ones_like(times), period=0.07), parts=1)
    ('0 to 200 m: +1.0 ± 0.0 ms',)
    """

    model: Model
    gradient: Model
    line: tuple[float, float]
    predicted: np.ndarray
    predicted_gradient: np.ndarray
    delay: float
    coverage: np.ndarray
    history: tuple[Fit, ...]

    def by_offset(self, picks: Picks, *, parts: int = 3) -> tuple[str, ...]:
        """Return how far predicted times lie from picked ones, in ranges of offset with equal numbers of picks.

        Parameters
        ----------
        picks : Picks
            What the model was fitted to.
        parts : int
            Number of ranges.

        Returns
        -------
        tuple of str
            For each range: offsets, mean and standard deviation of the difference in ms.
        """
        rest = 1e3 * (self.predicted - picks.times)
        distance = np.abs(picks.survey.reaches)
        good = np.isfinite(rest)
        edges = np.quantile(distance[good], np.linspace(0, 1, parts + 1))
        lines = []
        for near, far in pairwise(edges):
            here = rest[good & (distance >= near) & (distance <= far)]
            lines.append(f"{near:.0f} to {far:.0f} m: {here.mean():+.1f} ± {here.std():.1f} ms")
        return tuple(lines)


@dataclass(frozen=True)
class Tomography:
    """First-arrival tomography on a grid.

    Parameters
    ----------
    grid : Grid
        Two-dimensional; holds every source and receiver.
    water : float, m, optional
        Nodes above this depth keep `water_velocity`.
    water_velocity : float, m/s
    bounds : (low, high), m/s
        Limits of the rock's velocity.
    smooth : (z, x), m, optional
        Lengths over which the update varies; default: 0.4 and 1.6 wavelengths at the surface, more on large grids.
    sigma : float, s, optional
        Standard deviation of a pick of quality 1; default: 0.03 dominant periods.
    steps : int
        Largest number of Gauss–Newton steps.

    Raises
    ------
    GeometryError, ConfigError
        If the grid is not two-dimensional, or bounds or lengths are not positive.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.traveltime import Picks
    >>> grid = si.Grid((21, 41), 20.0)
    >>> vp = 2000 + 1.0 * grid.coordinates("z")[:, None] + np.zeros(grid.shape)
    >>> survey = si.Survey.surface(sources=si.line(0, 800, every=400), receivers=si.line(0, 800, every=40),
    ...                            wavelet=si.ricker(15), duration=0.6, dt=2e-3)
    >>> exact = arrivals(grid, 1 / vp, np.concatenate([s.sources for s in survey.shots]))
    >>> times = np.stack([exact.at(k, s.receivers) for k, s in enumerate(survey.shots)])
    >>> picks = Picks(survey, times, np.ones_like(times), period=0.07, lag=0.0)
    >>> found = Tomography(grid, bounds=(1500.0, 4000.0)).run(picks)
    >>> bool(np.nanmax(abs(found.predicted - times)) < 2e-3)
    True
    """

    grid: Grid
    water: float | None = None
    water_velocity: float = 1500.0
    bounds: tuple[float, float] = (300.0, 7000.0)
    smooth: tuple[float, float] | None = None
    sigma: float | None = None
    steps: int = 6

    def __post_init__(self) -> None:
        if self.grid.ndim != 2:
            raise GeometryError(f"the grid has {self.grid.ndim} axes; tomography works in 2-D sections")
        if not 0 < self.bounds[0] < self.bounds[1]:
            raise ConfigError(f"bounds are {self.bounds[0]:g} to {self.bounds[1]:g} m/s; give 0 < low < high")
        if self.smooth is not None and not min(self.smooth) > 0:
            raise ConfigError(f"smooth is {self.smooth} m; both lengths must be positive")

    def run(self, picks: Picks, *, callback: Callable[[Fit], None] | None = None) -> Tomogram:
        """Fit a gradient medium, then a smooth model.

        Parameters
        ----------
        picks : Picks
            With a common delay if the lag of their wavelet is not known.
        callback : callable, optional
            Called with a `Fit` after every step.

        Returns
        -------
        Tomogram

        Raises
        ------
        DataError
            If fewer than ten picks are usable.
        GeometryError
            If a source or receiver lies outside the grid.
        """
        picks.survey.check_inside(self.grid)
        if picks.count < 10:
            raise DataError(f"there are {picks.count} picks; tomography needs at least 10, over several offsets")
        return _Run(self, picks, callback or (lambda fit: None)).go()


class _Run:
    def __init__(self, how: Tomography, picks: Picks, tell: Callable[[Fit], None]) -> None:
        self.how, self.grid, self.picks, self.tell = how, how.grid, picks, tell
        self.used = [i for i in range(len(picks.survey)) if np.isfinite(picks.times[i]).any()]
        self.sources = np.stack([picks.survey.shots[i].sources[0] for i in self.used])
        self.traces = [np.flatnonzero(np.isfinite(picks.times[i])) for i in self.used]
        self.receivers = [picks.survey.shots[i].receivers[j] for i, j in zip(self.used, self.traces, strict=True)]
        self.times = np.concatenate([picks.times[i][j] for i, j in zip(self.used, self.traces, strict=True)])
        quality = np.concatenate([picks.quality[i][j] for i, j in zip(self.used, self.traces, strict=True)])
        sigma = SIGMA * picks.period if how.sigma is None else how.sigma
        alike = [self.alike(r, s, picks.times[i][j], picks.period) for r, s, i, j in
                 zip(self.receivers, self.sources, self.used, self.traces, strict=True)]  # fmt: skip
        self.sigma = sigma / np.clip(quality, 0.2, 1.0) * np.sqrt(np.concatenate(alike))
        # What is left of the lag after its correction is small; without one, the delay is anything up to some periods.
        self.delay_sigma = (LEFT if picks.lag is not None else UNKNOWN) * picks.period
        z = self.grid.coordinates("z")[:, None] + np.zeros(self.grid.shape)
        top = self.grid.origin[0] if how.water is None else how.water
        self.rock = (z >= top - 1e-6).ravel() if how.water is not None else np.ones(z.size, bool)
        self.depth = np.maximum(z - top, 0.0).ravel()
        self.history: list[Fit] = []
        self.solved: Arrivals = arrivals(
            self.grid, self.line_slowness(self.first_guess()).reshape(self.grid.shape), self.sources
        )
        self.delay = 0.0

    def go(self) -> Tomogram:
        p = self.fit_line()
        base = self.line_slowness(p)
        first = self.spread(self.predict(base) + self.delay)
        wavelength = self.picks.period * float(p[0])
        lengths = self.how.smooth or (SMOOTH[0] * wavelength, SMOOTH[1] * wavelength)
        s = self.fit_smooth(base, layered_knots(self.grid, lengths, mask=self.rock))
        predicted = self.spread(self.predict(s) + self.delay)
        shape = self.grid.shape
        models = [Model(self.grid, vp=torch.from_numpy((1 / x).reshape(shape)).float()) for x in (s, base)]
        return Tomogram(
            models[0], models[1], (float(p[0]), float(p[1])), predicted, first, float(self.delay),
            self.coverage.reshape(shape), tuple(self.history),
        )  # fmt: skip

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values at the picks as [shot, receiver], NaN elsewhere."""
        out, at = np.full(self.picks.times.shape, np.nan), 0
        for i, j in zip(self.used, self.traces, strict=True):
            out[i, j] = values[at : at + len(j)]
            at += len(j)
        return out

    @staticmethod
    def alike(receivers: np.ndarray, source: np.ndarray, times: np.ndarray, period: float) -> np.ndarray:
        """Return how many picks of a shot lie within half a wavelength on either side of each."""
        along = reaches(source, receivers)
        wavelength = period * np.abs(along) / np.maximum(times, period)
        return np.asarray((np.abs(along[:, None] - along) <= 0.5 * wavelength[:, None]).sum(1))

    def line_slowness(self, p: np.ndarray) -> np.ndarray:
        v = np.clip(p[0] + p[1] * self.depth, *self.how.bounds)
        return 1 / np.where(self.rock, v, self.how.water_velocity)

    def predict(self, s: np.ndarray) -> np.ndarray:
        """Times at the picks, s."""
        self.solved = arrivals(self.grid, s.reshape(self.grid.shape), self.sources, guess=self.solved.tau)
        return np.concatenate([self.solved.at(k, r) for k, r in enumerate(self.receivers)])

    def jacobian(self, basis: csr_matrix) -> np.ndarray:
        """Derivatives [pick, parameter] of the times, for changes of slowness `basis` [node, parameter]."""
        rows, self.coverage = [], np.zeros(basis.shape[0])
        for k, receivers in enumerate(self.receivers):
            index, share = bilinear(self.grid, receivers)
            far = np.linalg.norm(receivers - self.sources[k], axis=1)
            back = np.zeros((basis.shape[0], len(receivers)))
            for m in range(len(receivers)):
                np.add.at(back[:, m], index[m], far[m] * share[m])
            kernel = Linearised.of(self.solved, k).adjoint(back)
            self.coverage += kernel.sum(1) / max(self.grid.spacing)
            rows.append((basis.T @ kernel).T)
        return np.concatenate(rows)

    def step(self, g: np.ndarray, residual: np.ndarray, rough: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Solve the robust normal equations; the last unknown is the delay where it is free."""
        weight = 1 / self.sigma**2 / np.maximum(1, np.abs(residual) / self.sigma / HUBER)
        g = np.column_stack([g, np.ones(len(g))])
        rough, right = np.pad(rough, ((0, 1), (0, 1))), np.append(right, self.delay / self.delay_sigma**2)
        rough[-1, -1] = 1 / self.delay_sigma**2
        normal = g.T @ (weight[:, None] * g) + rough
        normal[np.diag_indices_from(normal)] *= 1 + 1e-9
        return np.asarray(np.linalg.solve(normal, -(g.T @ (weight * residual)) - right))

    def misfit(self, residual: np.ndarray) -> float:
        """Sum of Huber's function of the residuals over σ√n."""
        a = np.abs(residual) / self.sigma
        return float(np.sum(np.where(a < HUBER, a**2, 2 * HUBER * a - HUBER**2)))

    def report(self, medium: str, residual: np.ndarray, objective: float) -> None:
        fit = Fit(len(self.history), medium, float(np.sqrt(np.mean(residual**2))), objective)
        self.history.append(fit)
        self.tell(fit)

    def fit_line(self) -> np.ndarray:
        """Fit v₀, k and, where it is free, the delay."""
        p = self.first_guess()
        residual = self.predict(self.line_slowness(p)) - self.times
        best = self.misfit(residual)
        for _ in range(8):
            self.report("gradient", residual, best)
            s = self.line_slowness(p)
            # ∂s/∂v₀ = −s² and ∂s/∂k = −s² z, in the rock.
            columns = np.stack([-(s**2) * self.rock, -(s**2) * self.rock * self.depth], axis=1)
            weak = np.diag([1 / p[0] ** 2, 1 / (p[1] + 1.0) ** 2])
            change = self.step(self.jacobian(csr_matrix(columns)), residual, weak, np.zeros(2))
            for share in (1.0, 0.5, 0.25, 0.1):
                trial = np.clip(p + share * change[:2], [self.how.bounds[0], 0.0], [self.how.bounds[1], STEEPEST[1]])
                shift = self.delay + share * change[2]
                other = self.predict(self.line_slowness(trial)) + shift - self.times
                if self.misfit(other) < best:
                    break
            else:
                break
            gain = 1 - self.misfit(other) / best
            p, self.delay, residual, best = trial, shift, other, self.misfit(other)
            if gain < GAIN:
                break
        return p

    def first_guess(self) -> np.ndarray:
        """Fit v₀, k and a delay to the picks with the exact times of a medium v₀ + k z, the layer of water apart.

        t = arcosh(1 + k² d² / (2 v_s v_r)) / k, with v_s and v_r at the source and at the receiver (Slotnick 1959).
        """
        from scipy.optimize import least_squares

        top = self.grid.origin[0] if self.how.water is None else self.how.water
        ends = [(np.broadcast_to(s, r.shape), r) for r, s in zip(self.receivers, self.sources, strict=True)]
        source, receiver = (np.concatenate(side) for side in zip(*ends, strict=True))
        z = [np.maximum(side[:, 0] - top, 0.0) for side in (source, receiver)]
        d = np.linalg.norm(source - receiver, axis=1)

        def off(p: np.ndarray) -> np.ndarray:
            v0, k = np.exp(p[:2])
            away = k**2 * d**2 / (2 * (v0 + k * z[0]) * (v0 + k * z[1]))
            return np.asarray((np.arccosh(1 + away) / k + p[2] - self.times) / self.sigma)

        speed, longest = float(np.median(d / np.maximum(self.times, 1e-3))), float(d.max())
        low, high = np.log([self.how.bounds[0], *STEEPEST[:1]]), np.log([self.how.bounds[1], *STEEPEST[1:]])
        limits = np.append(low, -3 * self.delay_sigma), np.append(high, 3 * self.delay_sigma)
        guesses = [np.array([np.log(speed * share), np.log(k * speed / longest), 0.0]) for share, k in GUESSES]
        how = {"loss": "huber", "f_scale": HUBER, "x_scale": [0.3, 1.0, self.delay_sigma], "max_nfev": 100}
        tries = [least_squares(off, np.clip(g, *limits), bounds=limits, **how) for g in guesses]
        best = min(tries, key=lambda found: float(found.cost))
        return np.exp(np.asarray(best.x[:2]))

    def fit_smooth(self, base: np.ndarray, knots: Knots) -> np.ndarray:
        """Gauss–Newton in the logarithm of the slowness between knots."""
        u, s = np.zeros(knots.basis.shape[1]), base
        residual = self.predict(s) + self.delay - self.times
        best = self.misfit(residual)
        for _ in range(self.how.steps):
            g = self.jacobian((diags(s) @ knots.basis).tocsr())
            change = self.step(g, residual, knots.precision, knots.precision @ u)
            for share in (1.0, 0.5, 0.25):
                trial = u + share * change[:-1]
                shift = self.delay + share * change[-1]
                slowness = np.clip(base * np.exp(knots.basis @ trial), 1 / self.how.bounds[1], 1 / self.how.bounds[0])
                slowness = np.where(self.rock, slowness, base)
                other = self.predict(slowness) + shift - self.times
                objective = self.misfit(other) + float(trial @ knots.precision @ trial)
                if objective < best:
                    break
            else:
                break
            gain = 1 - objective / best
            u, self.delay, s, residual, best = trial, shift, slowness, other, objective
            self.report("smooth", residual, best)
            if gain < GAIN:
                break
        self.predict(s)
        self.jacobian((diags(s) @ knots.basis).tocsr())
        return s
