"""Optimisers: L-BFGS within bounds, and Adam from torch."""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from seisinv.core import ConfigError
from seisinv.core.checks import check_least
from seisinv.core.identity import ADDED_LATER
from seisinv.inversion.illumination import smooth

SLOW = 10  # updates over which progress is measured
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
Accept = Callable[[np.ndarray], bool]  # returns whether the objective has changed


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

    def metric(self, v: np.ndarray) -> np.ndarray:
        """Apply P = (S W)(S W)ᵀ."""
        return self.smoothed(self.weights**2 * self.smoothed(v))

    def clipped(self, x: np.ndarray) -> np.ndarray:
        """Project onto the bounds."""
        return np.clip(x, self.low, self.high)

    def inward(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return the gradient without the entries whose descent would leave the bounds."""
        return np.where(((x <= self.low) & (g > 0)) | ((x >= self.high) & (g < 0)), 0.0, g)


class Optimizer(abc.ABC):
    """A rule that lowers an objective; all its state lives in `minimise`, which must be deterministic.

    Parameters
    ----------
    iterations : int
        Number of accepted updates per band; an attribute that every optimiser has.

    Examples
    --------
    >>> import numpy as np
    >>> from dataclasses import dataclass, field
    >>> from seisinv.inversion import Optimizer
    >>> @dataclass(frozen=True)
    ... class SteepestDescent(Optimizer):
    ...     iterations: int
    ...     def minimise(self, objective, space, accept):
    ...         x = space.start
    ...         _, gradient = objective(x)
    ...         for _ in range(self.iterations):
    ...             x = space.clipped(x - space.first_step * gradient / np.abs(gradient).max())
    ...             _, gradient = objective(x)
    ...             accept(x)
    ...         return "all iterations done"
    >>> SteepestDescent(iterations=5).iterations
    5
    """

    iterations: int

    @abc.abstractmethod
    def minimise(self, objective: Objective, space: Space, accept: Accept) -> str:
        """Lower `objective` from `space.start`.

        Parameters
        ----------
        objective : callable
            Returns the value (float) and the gradient (array [n]) of a vector [n].
        space : Space
            Starting vector, bounds, and the metric in which steps are measured.
        accept : callable
            To be called with every accepted vector; returns True where the objective has changed.

        Returns
        -------
        str
            Why the minimisation ended.
        """


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """Limited-memory BFGS within bounds (Nocedal & Wright 2006, algorithm 7.4), projected as by Bertsekas (1982).

    The metric of the first direction is P = (S W)(S W)ᵀ, W the illumination weights and S the smoothing; the first
    trial changes the model by `Unknown.first_step` (1.5 %) where it changes most (99th percentile). Entries at a bound
    that would leave it are fixed, the others are searched along the path that follows the bounds, until the objective
    has fallen by 10⁻⁴ of what the slope promises.

    Unlike SciPy's L-BFGS-B it keeps its approximation of the curvature when a prior changes its target, which changes
    the gradient but hardly the curvature. Restarting each time would lose much of the gain of a prior.

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
    slow : float
        The band ends when ten updates together lower the objective by less than this share.

    Raises
    ------
    ConfigError
        If a count is less than 1.

    Examples
    --------
    >>> from seisinv.inversion import LBFGS
    >>> LBFGS(iterations=8).memory
    10
    """

    iterations: int
    memory: int = field(default=10, metadata=ADDED_LATER)
    searches: int = 10
    tolerance: float = 1e-6
    slow: float = field(default=0.0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_least(self, 1, "iterations", "memory", "searches")

    def minimise(self, objective: Objective, space: Space, accept: Accept) -> str:
        """Lower the objective; see the class."""
        x = space.clipped(space.start)
        value, g = objective(x)
        pairs: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=self.memory)
        slope = space.metric(space.inward(x, g))
        if not np.any(slope):
            return "the gradient is zero: nothing to improve within the bounds"
        size = np.abs(slope)
        first = space.first_step / float(np.percentile(size[size > 0], 99))
        recent = deque([value], maxlen=SLOW + 1)
        flat = f"an update lowered the objective by less than {self.tolerance:g} of itself"
        for _ in range(self.iterations):
            free = space.inward(x, g)
            direction = np.where(free == 0, 0.0, -_inverse_hessian(free, pairs, space, first))
            if not float(direction @ free) < 0:
                pairs.clear()
                direction = np.where(free == 0, 0.0, -first * space.metric(free))
            if not np.any(direction):
                return "no descent direction is left within the bounds"
            if -float(direction @ free) < 1e-14 * abs(value):  # what rounding would hide
                return flat
            found = self._search(objective, space, x, value, g, direction)
            if found is None:
                return f"the line search found no lower point in {self.searches} trials; the band ends here"
            after, lower, gradient = found
            step, change = after - x, gradient - g
            if float(step @ change) > 1e-8 * float(np.linalg.norm(step) * np.linalg.norm(change)):
                pairs.append((step, change))
            gained, x, value, g = value - lower, after, lower, gradient
            if accept(x):
                value, g = objective(x)
                recent.clear()
            elif gained < self.tolerance * abs(value):
                return flat
            recent.append(value)
            if len(recent) == recent.maxlen and recent[0] - value < self.slow * abs(recent[0]):
                return f"{SLOW} updates lowered the objective by less than {self.slow:g} of itself"
        return f"all {self.iterations} iterations done"

    def _search(
        self, objective: Objective, space: Space, x: np.ndarray, value: float, g: np.ndarray, direction: np.ndarray
    ) -> tuple[np.ndarray, float, np.ndarray] | None:
        """Return a lower point on the projected path, its value and gradient; None if there is none."""
        t = 1.0
        for _ in range(self.searches):
            after = space.clipped(x + t * direction)
            lower, gradient = objective(after)
            promised = float(g @ (after - x))
            if lower <= value + 1e-4 * promised and lower < value:
                return after, lower, gradient
            # The parabola through both values and the slope, kept within a tenth and a half.
            curved = lower - value - promised
            t *= float(np.clip(-promised / (2 * curved), 0.1, 0.5)) if curved > 0 else 0.5
        return None


def _inverse_hessian(
    g: np.ndarray, pairs: Sequence[tuple[np.ndarray, np.ndarray]], space: Space, first: float
) -> np.ndarray:
    """Return H g, H built from the pairs on the metric of the space (two-loop recursion)."""
    q, kept = g.copy(), []
    for s, y in reversed(pairs):
        share = float(s @ q) / float(s @ y)
        kept.append(share)
        q -= share * y
    scale = first
    if pairs:
        s, y = pairs[-1]
        scale = float(s @ y) / float(y @ space.metric(y))
    q = scale * space.metric(q)
    for (s, y), share in zip(pairs, reversed(kept), strict=True):
        q += (share - float(y @ q) / float(s @ y)) * s
    return q


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

    Raises
    ------
    ConfigError
        If `iterations` is less than 1, or `rate` is not positive.

    Examples
    --------
    >>> from seisinv.inversion import Adam
    >>> Adam(iterations=50, rate=10.0).decay
    (0.9, 0.99)
    """

    iterations: int
    rate: float = 20.0
    decay: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        check_least(self, 1, "iterations")
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
