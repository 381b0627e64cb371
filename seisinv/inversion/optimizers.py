"""Optimisers: L-BFGS-B from SciPy and Adam from torch, on a preconditioned variable."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from seisinv.core import ConfigError
from seisinv.inversion.illumination import smooth

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
Accept = Callable[[np.ndarray], None]


@dataclass(frozen=True, eq=False)
class Space:
    """Where an optimiser may go, and how it measures distance there.

    Parameters
    ----------
    start, low, high : arrays [n]
    weights : array [n]
        Illumination weights W, 1 where none are used.
    shape, sigma : shape of the vector on the grid and smoothing lengths in cells, or None
    first_step : float
        Largest change of an entry in the first update.
    unit : float
        Change of the first parameter, in its SI unit, for a change of 1.
    """

    start: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weights: np.ndarray
    first_step: float
    unit: float
    shape: tuple[int, ...] | None = None
    sigma: tuple[float, ...] | None = None

    def smoothed(self, v: np.ndarray) -> np.ndarray:
        """Apply the smoothing S (symmetric) to a vector, if there is any."""
        if self.sigma is None or self.shape is None:
            return v
        return smooth(v.reshape(self.shape), (0.0, *self.sigma)).ravel()

    def clipped(self, x: np.ndarray) -> np.ndarray:
        """Project onto the bounds."""
        return np.clip(x, self.low, self.high)

    def inward(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return the gradient without the entries whose descent would leave the bounds."""
        return np.where(((x <= self.low) & (g > 0)) | ((x >= self.high) & (g < 0)), 0.0, g)


class Optimizer(abc.ABC):
    """A rule that lowers an objective; all its state lives in `minimise`, which must be deterministic.

    `iterations` is the number of accepted updates per band.
    """

    iterations: int

    def replace(self, *, iterations: int) -> Optimizer:
        """Return the same optimiser with another number of updates."""
        return dataclasses.replace(self, iterations=iterations)  # type: ignore[type-var]

    @abc.abstractmethod
    def minimise(self, objective: Objective, space: Space, accept: Accept) -> str:
        """Lower `objective` from `space.start`; call `accept(x)` for every accepted point; return why it ended."""


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """Limited-memory BFGS with bounds and a strong-Wolfe line search: SciPy's L-BFGS-B (Byrd et al. 1995).

    The optimiser sees y, where x = x₀ + s S W y: W the illumination weights, S the smoothing, s such that the first
    trial step changes the model by `Unknown.first_step` (1.5 %) where it changes most (99th percentile). Without
    smoothing the bounds are a box in y and L-BFGS-B keeps to them; with smoothing x is clipped to them, and the
    gradient is that of the clipped model.

    Parameters
    ----------
    iterations : int
        Accepted updates per band.
    memory : int
        Pairs of steps and gradient changes kept.
    searches : int
        Trial points a line search may use before the band is ended.
    tolerance : float
        The band ends when an update lowers the objective by less than this share.
    """

    iterations: int
    memory: int = 10
    searches: int = 10
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        _check_counts(iterations=self.iterations, memory=self.memory, searches=self.searches)

    def minimise(self, objective: Objective, space: Space, accept: Accept) -> str:
        """Run L-BFGS-B; see the class for the change of variable."""
        from scipy.optimize import Bounds, minimize

        _, g0 = objective(space.start)
        slope = space.weights * space.smoothed(space.inward(space.start, g0))
        norm = float(np.linalg.norm(slope))
        if norm == 0:
            return "the gradient is zero: nothing to improve within the bounds"
        change = np.abs(space.smoothed(space.weights * slope)) / norm
        scale = space.first_step / float(np.percentile(change[change > 0], 99))
        factor = 1.0 / (scale * norm)  # makes |∂(factor · F)/∂y| = 1, SciPy's first step

        def place(y: np.ndarray) -> np.ndarray:
            return space.clipped(space.start + scale * space.smoothed(space.weights * y))

        def function(y: np.ndarray) -> tuple[float, np.ndarray]:
            x = place(y)
            value, g = objective(x)
            if space.sigma is not None:
                g = space.inward(x, g)
            return factor * value, factor * scale * space.weights * space.smoothed(g)

        box = None
        if space.sigma is None:
            box = Bounds(*((edge - space.start) / (scale * space.weights) for edge in (space.low, space.high)))
        last, flat = [np.inf], [False]

        def callback(intermediate_result: object) -> None:
            accept(place(intermediate_result.x))  # type: ignore[attr-defined]
            before, last[0] = last[0], float(intermediate_result.fun)  # type: ignore[attr-defined]
            if before - last[0] < self.tolerance * abs(last[0]):
                flat[0] = True
                raise StopIteration

        options: dict[str, float] = {"maxiter": self.iterations, "maxcor": self.memory, "maxls": self.searches}
        options |= {"ftol": 0.0, "gtol": 0.0, "maxfun": 10**9}
        outcome = minimize(
            function,
            np.zeros_like(space.start),
            jac=True,
            bounds=box,
            method="L-BFGS-B",
            callback=callback,
            options=options,
        )
        if flat[0]:
            return f"an update lowered the objective by less than {self.tolerance:g} of itself"
        return _reason(outcome, self)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980) on torch.optim.Adam, projected onto the bounds after every step.

    Adam divides by the size of the gradient entry by entry, so illumination weights would cancel and are not used;
    smoothing is applied to the gradient.

    Parameters
    ----------
    iterations : int
        Updates per band.
    rate : float, m/s
        Step length: about the change of vp in one update; other parameters change by the same percentage.
    decay : (float, float)
        Adam's β₁ and β₂.
    """

    iterations: int
    rate: float = 20.0
    decay: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        _check_counts(iterations=self.iterations)
        if not self.rate > 0:
            raise ConfigError(f"rate is {self.rate:g} m/s; Adam needs a positive step length")

    def minimise(self, objective: Objective, space: Space, accept: Accept) -> str:
        """Run Adam for the stated number of updates."""
        x = torch.from_numpy(space.start.copy()).requires_grad_()
        adam = torch.optim.Adam([x], lr=self.rate / space.unit, betas=self.decay, eps=1e-12, foreach=False)
        for _ in range(self.iterations):
            point = x.detach().numpy().copy()
            _, g = objective(point)
            x.grad = torch.from_numpy(space.smoothed(space.inward(point, g)))
            adam.step()
            with torch.no_grad():
                x.copy_(torch.from_numpy(space.clipped(x.detach().numpy())))
            after = x.detach().numpy().copy()
            objective(after)
            accept(after)
        return f"all {self.iterations} iterations done"


def _reason(outcome: object, how: LBFGS) -> str:
    status = int(outcome.status)  # type: ignore[attr-defined]
    if status == 1:
        return f"all {how.iterations} iterations done"
    if status == 2:
        return f"the line search found no lower point in {how.searches} trials; the band ends here"
    return "no descent direction is left within the bounds"


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        if not value >= 1:
            raise ConfigError(f"{name} is {value}; it must be 1 or more")
