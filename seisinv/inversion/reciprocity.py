"""Reciprocity: a wave takes the same time with source and receiver swapped, so that picks can be checked in pairs.

|t(s → r) − t(r → s)|  against a share of the period, and what the positions differ by over the velocity
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from seisinv.inversion.picking import Picks

NEAR = 0.5  # receiver spacings by which swapped positions may differ
SHARE = 0.5  # periods by which the times of a pair may differ


@dataclass(frozen=True, eq=False)
class Reciprocity:
    """What the check found.

    Parameters
    ----------
    picks : Picks
        Without both picks of every pair that disagrees: which of the two is wrong, the pair does not say.
    pairs : int
        Pairs with swapped positions.
    broken : int
        Pairs that disagree.
    rms : float, s
        Of the differences of all pairs; NaN without pairs.
    """

    picks: Picks
    pairs: int
    broken: int
    rms: float


def check_reciprocity(picks: Picks, *, share: float = SHARE) -> Reciprocity:
    """Compare the picks of swapped positions, and drop those that disagree.

    Parameters
    ----------
    picks : Picks
    share : float
        Periods by which the two times may differ, beyond the time that their positions differ by.
    """
    shots, times = picks.survey.shots, picks.times.copy()
    apart: list[float] = []
    broken: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for i, k in combinations(range(len(shots)), 2):
        one, other = shots[i].sources[0], shots[k].sources[0]
        (m, first), (n, second) = (_nearest(shots[a].receivers, at) for a, at in ((i, other), (k, one)))
        reach = NEAR * min(_spacing(shots[i].receivers), _spacing(shots[k].receivers))
        t, u = times[i, m], times[k, n]
        if max(first, second) > reach or not np.isfinite(t + u):
            continue
        apart.append(t - u)
        slowness = max(t, u, 0.0) / max(float(np.linalg.norm(one - other)), reach)
        if abs(t - u) > share * picks.period + (first + second) * slowness:
            broken.append(((i, m), (k, n)))
    for pair in broken:
        for place in pair:
            times[place] = np.nan
    quality = np.where(np.isfinite(times), picks.quality, 0.0)
    rms = float(np.sqrt(np.mean(np.square(apart)))) if apart else float("nan")
    return Reciprocity(picks.replace(times=times, quality=quality), len(apart), len(broken), rms)


def _nearest(receivers: np.ndarray, position: np.ndarray) -> tuple[int, float]:
    """Return the receiver nearest to a position, and how far it is, m."""
    distance = np.linalg.norm(receivers - position, axis=1)
    return int(distance.argmin()), float(distance.min())


def _spacing(receivers: np.ndarray) -> float:
    """Return the median distance between neighbouring receivers, m; 0 for a single one."""
    return float(np.median(np.linalg.norm(np.diff(receivers, axis=0), axis=1))) if len(receivers) > 1 else 0.0
