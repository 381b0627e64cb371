"""Number of features that a frequency band needs in each subdomain.

A disc of wavenumbers up to k over an area A holds A k² / 4π waves, each propagating in two directions.  Where edges
have conditions, waves come in through them: over a perimeter P and a time T as many as from an area P c T / π (the mean
of the inward direction cosine).  Velocities between c₁ and c₂ spread a wavenumber over 1 + (c₂ − c₁) k T / π
frequencies.  T is the length of a subdomain, of
which only the part counts where its window function is not small.

Of a model with jumps every subdomain holds parts, and the area is that of the rectangle around one.  Through interfaces
waves come in with the wavenumbers of the slowest part: evanescent ones in the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np

from seisinv.core import Grid
from seisinv.surrogate.features import Partitions, windows_of
from seisinv.surrogate.parts import Parts

SPARE = 1.9  # features per degree of freedom of the band
REACH = 0.7  # of a subdomain's width over which it counts: beyond, it is below 4 %


@dataclass(frozen=True, eq=False)
class Subdomains:
    """Properties of a model in each subdomain.

    Parameters
    ----------
    velocities : (subdomains, 2) array, m/s
        Lowest and highest of the waves in each.
    size : (subdomains, 2) array, m
        Extent along z and x; zero where its part does not reach.
    length : float, s
        Of all of them.
    shared : (subdomains,) array, m
        Extent of interfaces.
    lowest : (subdomains,) array, m/s
        Velocity of the slowest part there.
    """

    velocities: np.ndarray
    size: np.ndarray
    length: float
    shared: np.ndarray
    lowest: np.ndarray

    def features(self, *, wavenumber: float | None, frequency: float, held: float) -> np.ndarray:
        """Return how many features each subdomain needs.

        Parameters
        ----------
        wavenumber : float, rad/m, or None
            Largest wavenumber, or the one that follows from the frequency and a subdomain's velocity.
        frequency : float, rad/s
        held : float
            Share of a subdomain's perimeter that has edge conditions.
        """
        low, high = self.velocities.T
        area, perimeter = self.size[:, 0] * self.size[:, 1], 2 * (self.size[:, 0] + self.size[:, 1])
        k, k_in = (np.full_like(low, wavenumber) if wavenumber else frequency / c for c in (low, self.lowest))
        entered = (perimeter * held + self.shared) * high * self.length / pi
        waves = 2 * (area * k**2 + entered * k_in**2) / (4 * pi)
        waves = np.where(area > 0, waves, 0.0)
        return np.ceil(SPARE * waves * (1 + (high - low) * k * self.length / pi)).astype(int)


def windows_on(
    grid: Grid, vp: np.ndarray, partitions: Partitions, *, parts: Parts | None, behind: Sequence[Sequence[float]]
) -> Subdomains:
    """Return the properties of a model in each subdomain; `behind` are velocities of other waves in each part."""
    whole = [REACH * 2 * p.half_width if p.count > 1 else p.high - p.low for p in partitions]
    velocities, size = [], []
    for *cell, part in windows_of(partitions, parts):
        near = [
            np.abs(grid.coordinates(a) - p.middles[c]) < max(REACH * p.half_width, h)
            if p.count > 1
            else np.full(n, True)
            for a, h, n, p, c in zip(grid.axes, grid.spacing, grid.shape, partitions[:2], cell[:2], strict=True)
        ]
        mine = near[0][:, None] & near[1]
        if parts is not None:
            mine = mine & (parts.labels == part)
        found = np.nonzero(mine)
        there = len(found[0]) > 0
        c = [vp[mine].min(), vp[mine].max(), *behind[part]] if there else [vp.max()]
        velocities.append((min(c), max(c)))
        spans = [np.ptp(f) + 1 if there else 0 for f in found]
        size.append(
            [w if n == m.sum() else min(w, n * h) for w, n, m, h in zip(whole, spans, near, grid.spacing, strict=False)]
        )
    count = parts.count if parts else 1
    beside = (np.array(size)[:, 0] > 0).reshape(-1, count).sum(1) > 1
    lowest = np.array(velocities)[:, 0].reshape(-1, count).min(1)
    shared = np.repeat(beside, count) * np.max(size, axis=1)
    return Subdomains(np.array(velocities), np.array(size), whole[2], shared, np.repeat(lowest, count))
