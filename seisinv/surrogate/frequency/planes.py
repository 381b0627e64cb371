"""Features of time-harmonic fields: plane waves in overlapping subdomains, and their derivatives in closed form.

    φ_jk(z, x) = w_j(z, x) exp(i κ_jk · (z − z_j, x − x_j))

The subdomains are those of `features`.  Wavenumbers fill the disc |κ| ≤ 2π f / c evenly, c the slowest velocity of the
subdomain and a little less: in a smooth medium the circle |κ| = 2π f / c would do (Melenk & Babuška 1996, doi
10.1016/S0045-7825(96)01087-0), but rough media and damped fields need what lies inside.  Fields vary as e^{iωt}, so
that a derivative in time is a factor iω.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, pi

import numpy as np

from seisinv.surrogate.features import BLOCK, Partition, spread
from seisinv.surrogate.jets import VALUE, Order


@dataclass(frozen=True, eq=False)
class PlaneWindows:
    """The features of some subdomains side by side; a residual uses only `matrix`.

    Parameters
    ----------
    basis : PlaneWaves
    numbers : sequence of int
        Of the subdomains.
    """

    basis: PlaneWaves
    numbers: Sequence[int]

    def matrix(self, points: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return a derivative of every feature of every subdomain [point, feature]."""
        return np.concatenate([self.basis.matrix(n, points, order) for n in self.numbers], axis=1)


@dataclass(frozen=True, eq=False)
class PlaneWaves:
    """Plane waves in subdomains on a grid of cells.

    Parameters
    ----------
    partitions : Partition along z and x
    waves : one (2, features) array for each subdomain, rad/m
        Subdomains are counted along x fastest.
    omega : float, rad/s
    """

    partitions: tuple[Partition, Partition]
    waves: Sequence[np.ndarray]
    omega: float

    @property
    def cells(self) -> tuple[int, int]:
        """Number of subdomains along z and x."""
        return self.partitions[0].count, self.partitions[1].count

    def windows(self, numbers: Sequence[int]) -> PlaneWindows:
        """Return some of the subdomains."""
        return PlaneWindows(self, numbers)

    def matrix(self, number: int, points: np.ndarray, order: Order) -> np.ndarray:
        """Return a derivative of a subdomain's features [point, feature] at points (z, x), m; the last is in time."""
        sides = [self._side(number, axis, points[:, axis], order[axis]) for axis in (0, 1)]
        return sides[0] * sides[1] * (1j * self.omega) ** order[2]

    def _side(self, number: int, axis: int, at: np.ndarray, order: int) -> np.ndarray:
        """Return the derivative of one axis' factor [point, feature], by the product rule."""
        p, c, k = self.partitions[axis], divmod(number, self.cells[1])[axis], self.waves[number][axis]
        window = p.derivatives(at)[:, c]
        weight = sum(comb(order, m) * window[order - m, :, None] * (1j * k) ** m for m in range(order + 1))
        return np.asarray(weight * np.exp(1j * (at - p.middles[c])[:, None] * k))

    def cell(self, points: np.ndarray) -> np.ndarray:
        """Return the number of the cell in which each point (z, x) lies."""
        index = [
            np.clip(np.floor((points[:, k] - p.low) / (p.high - p.low) * p.count).astype(int), 0, p.count - 1)
            for k, p in enumerate(self.partitions)
        ]
        return np.asarray(index[0] * self.cells[1] + index[1])

    def around(self, number: int) -> list[int]:
        """Return the subdomains that are not zero in a cell: those of the cell and its neighbours (overlap up to 3)."""
        rows, columns = self.cells
        i, j = divmod(number, columns)
        return [
            a * columns + b
            for a in range(max(0, i - 1), min(rows, i + 2))
            for b in range(max(0, j - 1), min(columns, j + 2))
        ]

    def combine(self, points: np.ndarray, coefficients: Sequence[np.ndarray], order: Order = VALUE) -> np.ndarray:
        """Return a derivative of Σ a φ [point, field]; `coefficients` holds one [feature, field] for each subdomain."""
        out = np.zeros((len(points), coefficients[0].shape[1]), complex)
        cell = self.cell(points)
        for number in np.unique(cell):
            rows = np.flatnonzero(cell == number)
            near = self.around(int(number))
            a = np.concatenate([coefficients[w] for w in near])
            for start in range(0, len(rows), BLOCK):
                part = rows[start : start + BLOCK]
                out[part] = self.windows(near).matrix(points[part], order) @ a
        return out


def discs(
    partitions: tuple[Partition, Partition], counts: np.ndarray, wavenumbers: np.ndarray, *, omega: float, seed: int
) -> PlaneWaves:
    """Fill the disc of every subdomain evenly.

    Parameters
    ----------
    counts : (subdomains,) array of int
        Features per subdomain.
    wavenumbers : (subdomains,) array, rad/m
        Radii of the discs.
    """
    waves = []
    for number, (count, k) in enumerate(zip(counts, wavenumbers, strict=True)):
        r = spread(int(count), 2, seed=seed + number)
        radius, angle = k * np.sqrt(r[:, 0]), 2 * pi * r[:, 1]
        waves.append(np.stack([radius * np.cos(angle), radius * np.sin(angle)]))
    return PlaneWaves(partitions, waves, omega)
