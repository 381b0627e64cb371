"""First-arrival traveltime tomography: from picks to a smooth velocity model.

min over u, d of  Σ ρ((T(s₀ e^(Bu)) + d − t) / σ) + λ |L u|²

s₀ is the medium v = v₀ + k z that fits the picks best, B interpolates between knots, ρ is Huber's function, L
differences scaled by a length along x and z, d one delay for all, small where the lag of the wavelet is known.
Gauss–Newton: the rows of the Jacobian are exact derivatives of the upwind eikonal scheme, one sparse triangular solve
per pick. λ falls step by step while the fit improves, and stops where the picks are fitted to σ (Constable, Parker &
Constable 1987, doi:10.1190/1.1442303).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags, identity, kron, vstack

from seisinv.core import ConfigError, DataError, GeometryError, Grid, Model
from seisinv.inversion.picking import Picks
from seisinv.surrogate.eikonal import Arrivals, Linearised, arrivals
from seisinv.surrogate.eikonal.upwind import bilinear

HUBER = 1.5  # residuals beyond so many σ count linearly
FALL = 0.5  # factor on λ from step to step
FIRST = 300.0  # λ at the first step; u is of order 0.1 and residuals of order 1
BEND, SLOPE, SIZE = 0.5, 0.5, 0.4  # shares of second and first differences and of the update itself in L
LEFT, UNKNOWN = 0.05, 2.0  # periods: how large the delay may be with and without a known lag
GAIN = 0.01  # relative gain of the misfit below which two steps in a row end the inversion


@dataclass(frozen=True)
class Fit:
    """One step: number, λ (NaN while the gradient medium is fitted), RMS of the residuals in s, and share of σ."""

    step: int
    damping: float
    rms: float
    misfit: float


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
    """

    model: Model
    gradient: Model
    line: tuple[float, float]
    predicted: np.ndarray
    predicted_gradient: np.ndarray
    delay: float
    coverage: np.ndarray
    history: tuple[Fit, ...]


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
    knots : (z, x), m, optional
        Distance between the knots of the update; default: 2 × 4 cells, more on grids of over 1200 knots.
    smooth : (z, x), m, optional
        Lengths over which an update of 1 costs as much as a misfit of 1; default: 2 and 6 times the knots.
    sigma : float, s, optional
        Standard deviation of a pick of quality 1; default: a fiftieth of the dominant period.
    steps : int
        At most so many Gauss–Newton steps.
    """

    grid: Grid
    water: float | None = None
    water_velocity: float = 1500.0
    bounds: tuple[float, float] = (300.0, 7000.0)
    knots: tuple[float, float] | None = None
    smooth: tuple[float, float] | None = None
    sigma: float | None = None
    steps: int = 14

    def __post_init__(self) -> None:
        if self.grid.ndim != 2:
            raise GeometryError(f"the grid has {self.grid.ndim} axes; tomography works in 2-D sections")
        if not 0 < self.bounds[0] < self.bounds[1]:
            raise ConfigError(f"bounds are {self.bounds[0]:g} to {self.bounds[1]:g} m/s; give 0 < low < high")
        for name in ("knots", "smooth"):
            pair = getattr(self, name)
            if pair is not None and not min(pair) > 0:
                raise ConfigError(f"{name} is {pair} m; both lengths must be positive")

    def run(self, picks: Picks, *, callback: Callable[[Fit], None] | None = None) -> Tomogram:
        """Fit a gradient medium, then a smooth model.

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
        sigma = 0.02 * picks.period if how.sigma is None else how.sigma
        self.sigma = sigma / np.clip(quality, 0.2, 1.0)
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
        s = self.fit_smooth(base)
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
        """Huber's function of the residuals over σ; 1 if they are as large as σ says."""
        a = np.abs(residual) / self.sigma
        return float(np.mean(np.where(a < HUBER, a**2, 2 * HUBER * a - HUBER**2)))

    def report(self, damping: float, residual: np.ndarray) -> None:
        fit = Fit(len(self.history), damping, float(np.sqrt(np.mean(residual**2))), self.misfit(residual))
        self.history.append(fit)
        self.tell(fit)

    def fit_line(self) -> np.ndarray:
        """Fit v₀, k and, where it is free, the delay."""
        p = self.first_guess()
        residual = self.predict(self.line_slowness(p)) - self.times
        best = self.misfit(residual)
        for _ in range(8):
            self.report(float("nan"), residual)
            s = self.line_slowness(p)
            # ∂s/∂v₀ = −s² and ∂s/∂k = −s² z, in the rock.
            columns = np.stack([-(s**2) * self.rock, -(s**2) * self.rock * self.depth], axis=1)
            weak = np.diag([1 / 2000.0**2, 1 / 2.0**2])
            change = self.step(self.jacobian(csr_matrix(columns)), residual, weak, np.zeros(2))
            for share in (1.0, 0.5, 0.25, 0.1):
                trial = np.clip(p + share * change[:2], [self.how.bounds[0], 0.0], [self.how.bounds[1], 20.0])
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
        """Take v₀ from the nearest fifth of the picks, and k from how the farthest fifth is faster."""
        reach = np.concatenate(
            [np.linalg.norm(r - s, axis=1) for r, s in zip(self.receivers, self.sources, strict=True)]
        )
        speed = reach / np.maximum(self.times, 1e-3)
        near, far = reach <= np.quantile(reach, 0.2), reach >= np.quantile(reach, 0.8)
        slow, fast = float(np.median(speed[near])), float(np.median(speed[far]))
        v0 = float(np.clip(slow, *self.how.bounds))
        # The mean speed of a diving wave grows by about k² x² / (24 v₀²).
        k = np.sqrt(max(24 * (fast / v0 - 1), 0.01)) * v0 / float(np.median(reach[far]))
        return np.array([v0, min(k, 10.0)])

    def fit_smooth(self, base: np.ndarray) -> np.ndarray:
        """Gauss–Newton in the logarithm of the slowness between knots, with falling λ."""
        basis, rough = self.parameters()
        u, damping, s = np.zeros(basis.shape[1]), FIRST, base
        residual = self.predict(s) + self.delay - self.times
        misfit, poor = self.misfit(residual), 0
        for _ in range(self.how.steps):
            if misfit <= 1.0:
                break
            g = self.jacobian((diags(s) @ basis).tocsr())
            change = self.step(g, residual, damping * rough, damping * rough @ u)
            for share in (1.0, 0.5, 0.25):
                trial = u + share * change[: len(u)]
                shift = self.delay + share * change[-1]
                slowness = np.clip(base * np.exp(basis @ trial), 1 / self.how.bounds[1], 1 / self.how.bounds[0])
                slowness = np.where(self.rock, slowness, base)
                other = self.predict(slowness) + shift - self.times
                if self.misfit(other) < misfit:
                    break
            gain = 1 - self.misfit(other) / misfit
            if gain > 0:
                u, self.delay, s, residual, misfit = trial, shift, slowness, other, self.misfit(other)
                self.report(damping, residual)
            poor = poor + 1 if gain < GAIN else 0
            damping *= FALL
            if poor == 3:
                break
        self.predict(s)
        self.jacobian((diags(s) @ basis).tocsr())
        return s

    def parameters(self) -> tuple[csr_matrix, np.ndarray]:
        """Return the interpolation from knots to nodes [node, knot], and LᵀL."""
        spacing = self.how.knots
        if spacing is None:
            (dz, dx), n = self.grid.spacing, np.array(self.grid.shape)
            factor = max(1.0, np.sqrt(n[0] / 2 * n[1] / 4 / 1200))
            spacing = (2 * factor * dz, 4 * factor * dx)
        smooth = self.how.smooth or (2 * spacing[0], 6 * spacing[1])
        sides = [self.axis(k, spacing[k]) for k in (0, 1)]
        basis = diags(self.rock.astype(float)) @ kron(sides[0][0], sides[1][0], format="csr")
        eyes = [identity(side[0].shape[1]) for side in sides]
        # Bends cost most; slopes and size so much that, where no ray runs, the gradient medium returns.
        parts = []
        for order, much in ((2, BEND), (1, SLOPE)):
            across = [self.differences(side[0].shape[1], order) for side in sides]
            reach = [smooth[k] / sides[k][1] for k in (0, 1)]
            parts.append(much * reach[0] ** order * kron(across[0], eyes[1]))
            parts.append(much * reach[1] ** order * kron(eyes[0], across[1]))
        parts.append(SIZE * identity(basis.shape[1]))
        stacked = vstack(parts).tocsr()
        scale = 1 / np.sqrt(basis.shape[1])
        return basis.tocsr(), (scale**2 * len(self.times) ** 0.5 * (stacked.T @ stacked)).toarray()

    def axis(self, k: int, spacing: float) -> tuple[csr_matrix, float]:
        """Linear interpolation from evenly spaced knots along an axis, and their distance."""
        x = self.grid.coordinates(self.grid.axes[k])
        count = max(2, round((x[-1] - x[0]) / spacing) + 1)
        step = (x[-1] - x[0]) / (count - 1)
        place = (x - x[0]) / step
        first = np.minimum(place.astype(int), count - 2)
        v = place - first
        rows = np.repeat(np.arange(len(x)), 2)
        columns = np.stack([first, first + 1], 1).ravel()
        return csr_matrix((np.stack([1 - v, v], 1).ravel(), (rows, columns)), shape=(len(x), count)), float(step)

    @staticmethod
    def differences(n: int, order: int) -> csr_matrix:
        if n <= order:
            return csr_matrix((0, n))
        weights = [1.0, -2.0, 1.0] if order == 2 else [-1.0, 1.0]
        return diags(weights, list(range(order + 1)), shape=(n - order, n)).tocsr()  # type: ignore[arg-type]
