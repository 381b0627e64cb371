"""Statistics over seeds and starting models: how often a method converges, and whether one is better than another.

The interval of a share is Wilson's (1927, doi:10.1080/01621459.1927.10502953), which holds for few trials and shares
near 0 and 1. Methods are compared on the same seeds and starting models by a bootstrap of the pairs (Efron & Tibshirani
1993), which removes what makes a starting model difficult for all methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

LEVEL = 0.95
RESAMPLES = 10_000
FEW = 6  # pairs, below which an interval is unreliable

Key = tuple[str, int]  # start and seed


@dataclass(frozen=True)
class Robustness:
    """Convergence of a method over seeds and starting models.

    Parameters
    ----------
    method : str
    trials, converged : int
        Number of runs, and of those that converged.
    low, high : float
        Ends of the 95 % interval of the probability of convergence.
    median, worst : float
        Of the score, error over that of the starting model.

    Examples
    --------
    >>> from seisinv.compare import Robustness
    >>> Robustness("TV", trials=8, converged=6, low=0.41, high=0.93, median=0.5, worst=0.9).probability
    0.75
    """

    method: str
    trials: int
    converged: int
    low: float
    high: float
    median: float
    worst: float

    @property
    def probability(self) -> float:
        """Share of the trials that converged."""
        return self.converged / self.trials


@dataclass(frozen=True)
class PairedRuns:
    """Mean of score(first) − score(second) over common seeds and starts, with its 95 % interval.

    Parameters
    ----------
    first, second : str
        Methods.
    pairs : int
    difference : float
        Below 0 the first method is better.
    low, high : float or None
        Ends of the interval; None with less than two pairs, or where all differences are equal.

    Examples
    --------
    >>> from seisinv.compare import PairedRuns
    >>> PairedRuns("TV", "Tikhonov", pairs=1, difference=-0.1, low=None, high=None).difference
    -0.1
    """

    first: str
    second: str
    pairs: int
    difference: float
    low: float | None
    high: float | None


def robustness(method: str, scores: Sequence[float], *, success: float) -> Robustness:
    """Return the statistics of a method's scores.

    Parameters
    ----------
    method : str
    scores : sequence of float
        Error over that of the starting model; one per seed and starting model.
    success : float
        Score from which downwards a run has converged.

    Returns
    -------
    Robustness

    Examples
    --------
    >>> from seisinv.compare import robustness
    >>> found = robustness("TV", [0.4, 0.5, 0.9], success=0.65)
    >>> found.converged, found.trials, round(found.low, 2), round(found.high, 2)
    (2, 3, 0.21, 0.94)
    """
    from scipy.stats import binomtest

    converged = sum(s <= success for s in scores)
    interval = binomtest(converged, len(scores)).proportion_ci(LEVEL, method="wilson")
    low, high = float(interval.low), float(interval.high)
    return Robustness(method, len(scores), converged, low, high, float(np.median(scores)), float(max(scores)))


def paired(scores: Mapping[str, Mapping[Key, float]], *, seed: int = 0) -> list[PairedRuns]:
    """Compare every two methods on the seeds and starts that both have.

    Parameters
    ----------
    scores : mapping of str to mapping of (start, seed) to float
        By method.
    seed : int
        Of the resampling.

    Returns
    -------
    list of PairedRuns

    Examples
    --------
    >>> from seisinv.compare import paired
    >>> scores = {"TV": {("", 0): 0.4, ("", 1): 0.5}, "Tikhonov": {("", 0): 0.6, ("", 1): 0.6}}
    >>> round(paired(scores)[0].difference, 2)
    -0.15
    """
    out = []
    for first, second in combinations(scores, 2):
        common = [key for key in scores[first] if key in scores[second]]
        if not common:
            continue
        difference = np.array([scores[first][key] - scores[second][key] for key in common])
        out.append(PairedRuns(first, second, len(common), float(difference.mean()), *_interval(difference, seed)))
    return out


def _interval(values: np.ndarray, seed: int) -> tuple[float, float] | tuple[None, None]:
    if len(values) < 2 or np.ptp(values) == 0:
        return None, None
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(low), float(high)
