"""Features of the surrogate: sines in overlapping subdomains, and their derivatives in closed form.

    φ_jk(z, x, t) = w_j(z, x, t) sin(κ_jk · (z − z_j, x − x_j) + ω_jk (t − t_j) + θ_jk)

Window functions w_j are products of one-dimensional ones, ((1 + cos π s) / 2)² for the distance s from the middle in
half widths, normalised so that they sum to one (Moseley, Markham & Nissen-Meyer 2023, doi 10.1007/s10444-023-10065-9).
Wavenumbers and frequencies lie on the dispersion cones ω = c |κ| of the velocities c found in the subdomain: with them
a feature nearly solves the wave equation, and few are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import comb, inf, pi

import numpy as np

from seisinv.core import ConfigError, Grid
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.parts import Parts

BLOCK = 4096  # points evaluated at once: a block of features stays within some tens of megabytes
CONE = 0.05  # by how much the cones reach beyond the velocities of a subdomain
HIGHEST = 2  # highest derivative of a window function along one axis


@dataclass(frozen=True)
class Partition:
    """Overlapping subdomains along one axis; their window functions sum to one.

    Parameters
    ----------
    low, high : float, m or s
        The interval that is covered.
    count : int
        Number of subdomains; the window function of a single one is constant.
    overlap : float
        Width of a subdomain in units of the distance between middles.

    Raises
    ------
    ConfigError
        If there is no subdomain, or they do not overlap (overlap at most 1).
    """

    low: float
    high: float
    count: int = 1
    overlap: float = 2.9

    def __post_init__(self) -> None:
        if not self.high > self.low:
            raise ConfigError(f"an axis runs from {self.low:g} to {self.high:g}; its end must be larger than its start")
        if self.count < 1:
            raise ConfigError(f"windows is {self.count} along an axis; at least 1 is needed")
        if not self.overlap > 1:
            raise ConfigError(
                f"overlap is {self.overlap:g}; subdomains must overlap: pass more than 1, for example 2.9"
            )

    @property
    def middles(self) -> np.ndarray:
        """Middles of the subdomains [subdomain]; the outer ones lie half a distance inside the interval."""
        return self.low + (np.arange(self.count) + 0.5) * (self.high - self.low) / self.count

    @property
    def half_width(self) -> float:
        """Distance from the middle at which a window function vanishes."""
        return 0.5 * self.overlap * (self.high - self.low) / self.count

    def derivatives(self, at: np.ndarray) -> np.ndarray:
        """Return every window function and its first two derivatives [derivative, subdomain, point]."""
        out = np.zeros((HIGHEST + 1, self.count, len(at)))
        if self.count == 1:
            out[0] = 1.0
            return out
        s = pi * (at - self.middles[:, None]) / self.half_width
        inside = np.abs(s) < pi
        # ((1 + cos s) / 2)² = 3/8 + cos s / 2 + cos 2s / 8
        raw = np.stack(
            [
                3 / 8 + np.cos(s) / 2 + np.cos(2 * s) / 8,
                -np.sin(s) / 2 - np.sin(2 * s) / 4,
                -np.cos(s) / 2 - np.cos(2 * s) / 2,
            ]
        )
        raw = raw * inside * (pi / self.half_width) ** np.arange(HIGHEST + 1)[:, None, None]
        total = raw.sum(1, keepdims=True)
        for n in range(HIGHEST + 1):  # Leibniz for raw = w · total, solved for the highest derivative of w
            known = sum((comb(n, m) * out[m] * total[n - m] for m in range(n)), np.zeros_like(out[n]))
            out[n] = (raw[n] - known) / total[0]
        return out


Partitions = tuple[Partition, Partition, Partition]  # along z, x and t


def partitions_of(grid: Grid, duration: float, counts: Sequence[int], overlap: float) -> Partitions:
    """Return the partitions of a grid and a time from 0 into `counts` subdomains along z, x and t."""
    ends = (*grid.extent, (0.0, duration))
    z, x, t = (Partition(low, high, n, overlap) for (low, high), n in zip(ends, counts, strict=True))
    return z, x, t


@dataclass(frozen=True, eq=False)
class Features:
    """Sines in overlapping subdomains.

    Parameters
    ----------
    partitions : Partition along z, x and t
    wave : (3, subdomains, features) array, rad/m, rad/m, rad/s
        First-layer weights: wavenumbers along z and x, and angular frequency.
    phase : (subdomains, features) array, rad
    used : (subdomains,) array of int, optional
        How many of its features each subdomain has, the first ones; by default all.  Others are zero.
    parts : Parts, optional
        Parts of the model between its jumps.  Every part has subdomains of its own, which are zero in other parts.
    """

    partitions: Partitions
    wave: np.ndarray
    phase: np.ndarray
    used: np.ndarray | None = None
    parts: Parts | None = None

    @property
    def count(self) -> int:
        """Number of coefficients: subdomains times features."""
        return int(self.phase.size)

    @property
    def active(self) -> int:
        """Number of features that are not zero."""
        return self.count if self.used is None else int(self.used.sum())

    @property
    def cells(self) -> list[tuple[int, int, int, int]]:
        """Index along z, x and t, and part, of every subdomain; after the part, t varies fastest."""
        return list(windows_of(self.partitions, self.parts))

    def matrix(self, points: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return a derivative of every feature [point, feature].

        Parameters
        ----------
        points : (n, 3) array, (z, x, t) in m, m, s
        order : how often to differentiate along z, x and t; at most twice along each
        """
        out = np.zeros((len(points), *self.phase.shape))
        for rows, window, (values,) in self.pieces(points, [order]):
            out[rows, window, : values.shape[1]] = values
        return out.reshape(len(points), -1)

    def combine(self, points: np.ndarray, coefficients: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return a derivative of Σ a φ at many points [point, field]; `coefficients` are [feature, field]."""
        out = np.zeros((len(points), coefficients.shape[1]))
        a = coefficients.reshape(*self.phase.shape, -1)
        for start in range(0, len(points), BLOCK):
            part = slice(start, start + BLOCK)
            for rows, window, (values,) in self.pieces(points[part], [order]):
                out[start + rows] += values @ a[window, : values.shape[1]]
        return out

    def transposed(self, points: np.ndarray, values: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return the transpose of `combine` applied to `values` [point, field]: [feature, field]."""
        out = np.zeros((*self.phase.shape, values.shape[1]))
        for start in range(0, len(points), BLOCK):
            part = slice(start, start + BLOCK)
            for rows, window, (piece,) in self.pieces(points[part], [order]):
                out[window, : piece.shape[1]] += piece.T @ values[start + rows]
        return out.reshape(self.count, -1)

    def pieces(
        self, points: np.ndarray, orders: Sequence[Order], between: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, int, list[np.ndarray]]]:
        """Yield the points inside each subdomain, its number, and derivatives of its features there.

        Parameters
        ----------
        between : (n, 2) array of int, optional
            For points on interfaces: the features of the first part are taken and those of the second one taken off.
        """
        for order in orders:
            if max(order) > HIGHEST or min(order) < 0:
                raise ConfigError(f"order is {order}; features have at most {HIGHEST} derivatives along each axis")
        factors = [p.derivatives(points[:, k]) for k, p in enumerate(self.partitions)]
        signs = None if self.parts is None else self.parts.signs(points, between)
        for window, (*cell, part) in enumerate(self.cells):
            along = [f[:, c] for f, c in zip(factors, cell, strict=True)]
            here = along[0][0] * along[1][0] * along[2][0]
            rows = np.flatnonzero(here if signs is None else here * signs[part])
            mine = slice(None if self.used is None else int(self.used[window]))
            if len(rows) and mine.stop != 0:
                middle = [p.middles[c] for p, c in zip(self.partitions, cell, strict=True)]
                k = self.wave[:, window, mine]
                angle = (points[rows] - middle) @ k + self.phase[window, mine]
                turned = [np.sin(angle), np.cos(angle)]
                inside = [a[:, rows] for a in along]
                if signs is not None:
                    inside[0] = inside[0] * signs[part, rows]
                yield rows, window, [_leibniz(inside, k, turned, order) for order in orders]


def windows_of(partitions: Partitions, parts: Parts | None) -> Iterator[tuple[int, int, int, int]]:
    """Yield the indices along z, x and t, and the part, of every subdomain."""
    z, x, t = (range(p.count) for p in partitions)
    yield from product(z, x, t, range(parts.count if parts else 1))


def _leibniz(along: list[np.ndarray], k: np.ndarray, turned: list[np.ndarray], order: Order) -> np.ndarray:
    """Return Σ binomial · derivative of the window function · derivative of the sine [point, feature]."""
    out = np.zeros_like(turned[0])
    for split in np.ndindex(*(n + 1 for n in order)):  # derivatives that fall on the sine
        front = np.prod([comb(n, m) * a[n - m] for n, m, a in zip(order, split, along, strict=True)], axis=0)
        if not front.any():
            continue
        turns = sum(split)
        weight = np.prod([k[i] ** m for i, m in enumerate(split)], axis=0) * (-1) ** (turns // 2)
        out += front[:, None] * (turned[turns % 2] * weight)
    return out


def cone(
    partitions: Partitions,
    velocities: np.ndarray,
    *,
    wavenumber: float,
    frequency: float = inf,
    each: int,
    seed: int,
    parts: Parts | None = None,
) -> Features:
    """Sample the features of every subdomain on its dispersion cones.

    Parameters
    ----------
    velocities : (subdomains, 2) array, m/s
        Lowest and highest velocity in each subdomain, in the order of `windows_of`.
    wavenumber : float, rad/m
        Largest wavenumber; the disc below it is filled evenly.
    frequency : float, rad/s
        Largest angular frequency; it cuts wavenumbers where velocities are high.
    each : int
        Features per subdomain.
    seed : int
        The same seed gives the same features.
    """
    n = len(velocities)
    r = spread(n * each, 4, seed=seed).reshape(n, each, 4)
    direction = 2 * pi * r[..., 1]
    low, high = velocities[:, 0, None], velocities[:, 1, None]
    slack = np.where(high > low, CONE * high, 0.0)
    c = (low - slack) + (high - low + 2 * slack) * r[..., 2]
    k = np.minimum(wavenumber, frequency / c) * np.sqrt(r[..., 0])
    wave = np.stack([k * np.cos(direction), k * np.sin(direction), k * c])
    return Features(partitions, wave, 2 * pi * r[..., 3], parts=parts)


def spread(count: int, axes: int, *, seed: int = 0) -> np.ndarray:
    """Return points that fill the unit cube evenly [point, axis]: the recurrence of Roberts (2018), shifted."""
    root = 1.0
    for _ in range(60):  # the positive root of root^(axes + 1) = root + 1
        root = (1 + root) ** (1 / (axes + 1))
    shift = np.random.default_rng(seed).uniform(size=axes)
    return (shift + np.arange(1, count + 1)[:, None] * root ** -np.arange(1.0, axes + 1)) % 1


def later(points: np.ndarray, by: float) -> np.ndarray:
    """Return points (z, x, t) shifted in time by `by` s."""
    return np.asarray(points + np.array([0.0, 0.0, by]))


def on_edges(points: np.ndarray, partitions: Sequence[Partition]) -> tuple[np.ndarray, np.ndarray]:
    """Move points to the top, bottom, left and right edge in turn; return them and outward normals [point, axis]."""
    points, normals = points.copy(), np.zeros((len(points), 2))
    for k in range(4):
        p = partitions[k // 2]
        points[k::4, k // 2] = p.high if k % 2 else p.low
        normals[k::4, k // 2] = 1.0 if k % 2 else -1.0
    return points, normals
