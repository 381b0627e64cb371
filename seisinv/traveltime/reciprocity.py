"""Reciprocity: a wave takes the same time with source and receiver swapped, so that picks can be checked in pairs.

|t(s → r) − t(r → s)|  against a share of the period, times linear between receivers
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from seisinv.traveltime.picking import Picks

SHARE = 0.5  # periods by which the times of a pair may differ
PAIRS = 3  # that a shot needs to be compared with others
LEVEL = 0.2  # of the distance; receivers deeper than that are not compared by distance


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

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> from seisinv.traveltime import Picks
    >>> survey = si.Survey.surface(sources=si.line(100, 700, every=300), receivers=si.line(0, 800, every=100),
    ...                            wavelet=si.ricker(20), duration=0.6, dt=2e-3)
    >>> times = np.abs(survey.offsets) / 2000.0
    >>> found = check_reciprocity(Picks(survey, times, np.ones_like(times), period=0.05, lag=0.0))
    >>> isinstance(found, Reciprocity), found.pairs, found.rms
    (True, 3, 0.0)
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
        Periods by which the two times may differ.

    Returns
    -------
    Reciprocity

    Examples
    --------
    >>> from seisinv.traveltime import Picks
    >>> import numpy as np
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(100, 700, every=300), receivers=si.line(0, 800, every=100),
    ...                            wavelet=si.ricker(20), duration=0.6, dt=2e-3)
    >>> times = np.abs(survey.offsets) / 2000.0
    >>> picks = Picks(survey, times, np.ones_like(times), period=0.05, lag=0.0)
    >>> check_reciprocity(picks).broken
    0
    >>> times[0, 4] += 0.1  # the receiver at 400 m, where the second source is
    >>> found = check_reciprocity(picks)
    >>> found.pairs, found.broken, found.picks.count
    (3, 1, 25)
    """
    shots, times = picks.survey.shots, picks.times.copy()
    differences: list[float] = []
    broken: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for i, k in combinations(range(len(shots)), 2):
        one, other = shots[i].sources[0], shots[k].sources[0]
        t, m = _time_at(picks.times[i], shots[i].receivers, other)
        u, n = _time_at(picks.times[k], shots[k].receivers, one)
        if np.isfinite(t + u):
            differences.append(t - u)
            if abs(t - u) > share * picks.period:
                broken.append(((i, m), (k, n)))
    for pair in broken:
        for trace in pair:
            times[trace] = np.nan
    quality = np.where(np.isfinite(times), picks.quality, 0.0)
    rms = float(np.sqrt(np.mean(np.square(differences)))) if differences else float("nan")
    return Reciprocity(picks.replace(times=times, quality=quality), len(differences), len(broken), rms)


def shot_delays(picks: Picks) -> np.ndarray:
    """Return by how much each shot is late against the others, s: 0 where it is not, or the picks do not tell.

    From swapped positions where a shot has at least three such pairs, each of which holds the difference of two delays;
    else from how much later its picks are than those of other shots at the same distance. A delay counts from one
    period on, if it stands out from those of the other shots.

    Parameters
    ----------
    picks : Picks

    Returns
    -------
    array [shot], s

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> from seisinv.traveltime import Picks
    >>> survey = si.Survey.surface(sources=si.line(100, 900, every=100), receivers=si.line(0, 1000, every=50),
    ...                            wavelet=si.ricker(20), duration=0.8, dt=2e-3)
    >>> times = np.abs(survey.offsets) / 2000.0
    >>> times[4] += 0.07
    >>> shot_delays(Picks(survey, times, np.ones_like(times), period=0.05, lag=0.0)).round(3).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.07, 0.0, 0.0, 0.0, 0.0]
    """
    shots, times, count = picks.survey.shots, picks.times, len(picks.survey)
    between = np.full((count, count), np.nan)
    for i, k in combinations(range(count), 2):
        t, _ = _time_at(picks.times[i], shots[i].receivers, shots[k].sources[0])
        u, _ = _time_at(picks.times[k], shots[k].receivers, shots[i].sources[0])
        between[i, k], between[k, i] = t - u, u - t
    pairs = np.isfinite(between).sum(axis=1)
    late = np.array([np.nanmedian(row) if n >= PAIRS else np.nan for row, n in zip(between, pairs, strict=True)])
    distance, level = np.abs(picks.survey.reaches), np.zeros_like(times)
    for row, shot in zip(level, shots, strict=True):
        row[: len(shot.receivers)] = np.abs(shot.receivers[:, 0] - shot.sources[0, 0])
    for k in map(int, np.flatnonzero(~np.isfinite(late))):
        late[k] = _late_at_distance(times, distance, level, k)
    known = np.isfinite(late)
    if known.sum() < PAIRS:
        return np.zeros(count)
    late = late - np.median(late[known])
    usual = float(np.median(np.abs(late[known])))
    return np.where(known & (np.abs(late) > max(picks.period, 5 * usual)), late, 0.0)


def _late_at_distance(times: np.ndarray, distance: np.ndarray, level: np.ndarray, shot: int) -> float:
    """Return the median difference of a shot's times from those of the others at the same distance along the surface.

    0 where the differences scatter as much as they are large; NaN where there are too few other shots.
    """
    others = np.delete(np.arange(len(times)), shot)
    flat = np.isfinite(times) & (level < LEVEL * distance)
    found = []
    for d, time in zip(distance[shot][flat[shot]], times[shot][flat[shot]], strict=True):
        near = flat[others] & (np.abs(distance[others] - d) <= 0.05 * d)
        if near.any(axis=1).sum() >= PAIRS:
            found.append(time - float(np.median(times[others][near])))
    if len(found) < PAIRS:
        return float("nan")
    late = float(np.median(found))
    return late if abs(late) > 3 * float(np.median(np.abs(np.array(found) - late))) else 0.0


def _time_at(times: np.ndarray, receivers: np.ndarray, position: np.ndarray) -> tuple[float, int]:
    """Return the time at a position, linear between the receivers on both sides, and the receiver nearest to it.

    NaN where the nearest receiver is farther than their spacing, or either side has no pick.
    """
    distance = np.linalg.norm(receivers - position, axis=1)
    nearest = int(distance.argmin())
    x = receivers[:, -1]
    order = np.argsort(x, kind="stable")
    spacing = float(np.median(np.diff(x[order]))) if len(x) > 1 else 0.0
    if distance[nearest] > max(spacing, 1e-6):
        return float("nan"), nearest
    return float(np.interp(position[-1], x[order], times[order])), nearest
