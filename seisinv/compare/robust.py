"""What several seeds and starts say: how often a method converges, and whether one is better than another.

The interval of a share is Wilson's (1927, doi:10.1080/01621459.1927.10502953), which holds for few trials and shares
near 0 and 1. Methods are compared on the same seeds and starts: pairs are drawn again with replacement (Efron &
Tibshirani 1993), so that what makes a start hard for all does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

LEVEL = 0.95
RESAMPLES = 10_000
FEW = 6  # pairs, below which an interval is hardly one

Key = tuple[str, int]  # start and seed


@dataclass(frozen=True)
class Robustness:
    """How a method does over seeds and starts.

    `low` and `high` are the ends of the 95 % interval of the probability to converge; `median` and `worst` are those
    of the score, error over that of the start.
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
    """Mean of score(first) − score(second) over common seeds and starts, with its 95 % interval; below 0: first wins.

    The interval is None where there are less than two pairs, or all differ alike.
    """

    first: str
    second: str
    pairs: int
    difference: float
    low: float | None
    high: float | None


def robustness(method: str, scores: Sequence[float], *, success: float) -> Robustness:
    """Return how often a method's score is at most `success`.

    Parameters
    ----------
    method : str
    scores : sequence of float
        Error over that of the start; one per seed and start.
    success : float
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
    scores : score by start and seed, by method
    seed : int
        Of the resampling.
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
