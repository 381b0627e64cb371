"""How many features a band of waves needs in each window.

A disc of wave numbers up to k over an area A holds A k² / 4π waves, each running two ways.  Where edges are held,
waves come in through them: over a perimeter P and a time T as many as from an area P c T / π (the mean of the inward
direction cosine).  Velocities between c₁ and c₂ spread a wave number over 1 + (c₂ − c₁) k T / π frequencies.  T is that
of a window, and of a window the part counts where it is not small.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import numpy as np

from seisinv.core import Grid
from seisinv.surrogate.features import Partition

SPARE = 1.9  # features per degree of freedom of the band
REACH = 0.7  # of a window's width over which it counts: beyond, it is below 4 %

Partitions = tuple[Partition, Partition, Partition]


def window_velocities(grid: Grid, vp: np.ndarray, partitions: Partitions, behind: Sequence[float]) -> np.ndarray:
    """Return the lowest and highest velocity of waves in each window [window, 2], m/s; `behind` are in all of them."""
    out = []
    for cell in np.ndindex(*(p.count for p in partitions)):
        near = [
            np.abs(grid.coordinates(a) - p.middles[c]) < max(REACH * p.half_width, h) if p.count > 1 else slice(None)
            for a, h, p, c in zip(grid.axes, grid.spacing, partitions[:2], cell[:2], strict=True)
        ]
        part = vp[near[0]][:, near[1]]
        out.append((min([part.min(), *behind]), max([part.max(), *behind])))
    return np.array(out)


def window_features(
    partitions: Partitions, velocities: np.ndarray, *, wavenumber: float | None, frequency: float, held: bool
) -> np.ndarray:
    """Return how many features each window needs.

    Parameters
    ----------
    velocities : (windows, 2) array, m/s
    wavenumber : float, rad/m, or None
        Largest wave number, or the one that follows from the frequency and a window's velocity.
    frequency : float, rad/s
    held : bool
        Whether something is asked of the edges.
    """
    low, high = velocities.T
    size = [REACH * 2 * p.half_width if p.count > 1 else p.high - p.low for p in partitions]
    area = size[0] * size[1]
    k = np.full_like(low, wavenumber) if wavenumber else frequency / low
    if held:
        share = partitions[0].count * partitions[1].count
        area = area + 2 * (size[0] + size[1]) * high * size[2] / pi / (share if share > 1 else 1)
    waves = 2 * area * k**2 / (4 * pi)
    return np.ceil(SPARE * waves * (1 + (high - low) * k * size[2] / pi)).astype(int)
