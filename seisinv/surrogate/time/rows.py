"""Rows of the surrogate's least-squares system: conditions on the field, each at one point.

    row_i = scale Σ_d f_di ∂^d p(z_i, x_i, t_i)

Every factor f follows from the model through torch, so that solutions can be differentiated in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Model
from seisinv.physics import Physics
from seisinv.surrogate.features import Features, Partitions, on_edges, spread, windows_of
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.parts import Parts
from seisinv.surrogate.residual import Residual, residual_of

WEIGHT = 3.0  # of initial and edge rows beside those of the equation
# Rows per feature.  In a constant medium the equation's rows vanish: the initial rows, of two kinds, must do alone.
PER_FEATURE = {"equation": 1.6, "initial": 1.0, "edge": 0.6, "interface": 0.6}
FEWER = {"equation": 1.2, "initial": 0.8, "edge": 0.25, "interface": 0.25}  # rows per feature in subdomains
TRIED = 200  # points by which the share of a subdomain that a part fills is estimated
# Cosines of the angles that absorbing edges absorb completely: 0° and 60°.
COSINES = (1.0, 0.5)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one kind.

    Parameters
    ----------
    kind : {"equation", "value", "rate", "edge", "jump", "slope"}
    points : (n, 3) array, (z, x, t) in m, m, s
    terms : derivatives and their factors [n]
    scale : float
    normals : (n, 2) array, outward, and decay : float, per m, of absorbing edges
    between : (n, 2) array of int, the parts on both sides of interfaces: rows are the first's less the second's
    """

    kind: str
    points: np.ndarray
    terms: tuple[tuple[Order, Tensor], ...]
    scale: float
    normals: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    decay: float = 0.0
    between: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points)

    def pieces(self, features: Features) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
        """Yield row numbers, subdomain and the part of the matrix that is not zero."""
        factors = [f.detach().numpy() for _, f in self.terms]
        for rows, window, values in features.pieces(self.points, [o for o, _ in self.terms], self.between):
            yield rows, window, self.scale * sum(f[rows, None] * v for f, v in zip(factors, values, strict=True))

    def derivatives(self, features: Features, coefficients: np.ndarray) -> list[np.ndarray]:
        """Return the derivatives of the terms for a last layer, each [row, field]."""
        out = [np.zeros((len(self), coefficients.shape[1])) for _ in self.terms]
        a = coefficients.reshape(*features.phase.shape, -1)
        for rows, window, values in features.pieces(self.points, [o for o, _ in self.terms], self.between):
            for total, v in zip(out, values, strict=True):
                total[rows] += v @ a[window, : v.shape[1]]
        return out

    def apply(self, features: Features, coefficients: np.ndarray) -> np.ndarray:
        """Return the rows for a last layer [row, field]."""
        parts = zip(self.terms, self.derivatives(features, coefficients), strict=True)
        return self.scale * sum((f.detach().numpy()[:, None] * p for (_, f), p in parts), np.zeros(()))


def matrix(rows: Sequence[Rows], features: Features) -> np.ndarray:
    """Return all rows as one matrix [row, feature]."""
    out = np.zeros((sum(len(r) for r in rows), *features.phase.shape))
    first = 0
    for r in rows:
        for at, window, values in r.pieces(features):
            out[first + at, window, : values.shape[1]] = values
        first += len(r)
    return out.reshape(len(out), -1)


def places(
    partitions: Partitions, count: int, seed: int, *, shares: np.ndarray | None = None, parts: Parts | None = None
) -> np.ndarray:
    """Return points (z, x, t) spread over the domain [point, 3].

    `shares` [subdomain] puts them where features are: as many around the middle of each subdomain as its part of the
    sum, rounded up.  Spread evenly, slow subdomains, which need more features, would have fewer rows than unknowns.
    """
    low, high = np.array([(p.low, p.high) for p in partitions]).T
    if shares is None:
        return np.asarray(low + (high - low) * spread(count, 3, seed=seed))
    counts = [p.count for p in partitions]
    each = np.ceil(count * shares / shares.sum()).astype(int)
    if parts is not None:
        return _places_in_parts(partitions, each, seed, parts)
    cells = np.array(list(np.ndindex(*counts)))
    inside = spread(int(each.sum()), 3, seed=seed)  # consecutive ones are spread evenly too
    return np.asarray(low + (high - low) * (np.repeat(cells, each, axis=0) + inside) / counts)


def _places_in_parts(partitions: Partitions, each: np.ndarray, seed: int, parts: Parts) -> np.ndarray:
    """Return `each` points around the centre of each subdomain, in its part; none where the part does not reach."""
    low, high = np.array([(p.low, p.high) for p in partitions]).T
    counts = [p.count for p in partitions]
    out = []
    for number, ((*cell, part), want) in enumerate(zip(windows_of(partitions, parts), each, strict=True)):
        corner, edge = low + (high - low) * np.array(cell) / counts, (high - low) / counts
        tried = corner + edge * spread(TRIED, 3, seed=seed)
        share = float(np.mean(parts.at(tried) == part)) if want else 0.0
        if share:
            points = corner + edge * spread(ceil(1.2 * want / share) + TRIED, 3, seed=seed + number)
            out.append(points[parts.at(points) == part][:want])
    return np.concatenate(out)


def equation_rows(residual: Residual, points: np.ndarray, frequency: float) -> Rows:
    """Return rows of the equation over ω², for the highest angular frequency ω."""
    return Rows("equation", points, tuple(residual.terms(points)), 1 / frequency**2)


def initial_rows(points: np.ndarray, frequency: float) -> tuple[Rows, Rows]:
    """Return rows of the field and of its rate at the start."""
    start = points * (1.0, 1.0, 0.0)
    one = torch.ones(len(points), dtype=torch.float64)
    return Rows("value", start, ((VALUE, one),), WEIGHT), Rows("rate", start, (((0, 0, 1), one),), WEIGHT / frequency)


def interface_rows(
    parts: Parts, partitions: Partitions, count: int, *, wavenumber: float, seed: int
) -> tuple[Rows, Rows]:
    """Return rows of the jumps of the field and of its normal derivative, over the largest wavenumber, rad/m."""
    even = spread(count, 3, seed=seed)
    at, normals, between = parts.interfaces(even[:, :2])
    right = np.any(parts.at(at)[:, None] == between, axis=1)  # elsewhere a third part has come in
    time = partitions[2].low + (partitions[2].high - partitions[2].low) * even[right, 2]
    points, between = np.column_stack([at[right], time]), between[right]
    n_z, n_x = torch.from_numpy(normals[right]).T
    value = ((VALUE, torch.ones(len(points), dtype=torch.float64)),)
    slope = (((1, 0, 0), n_z), ((0, 1, 0), n_x))
    return (
        Rows("jump", points, value, 1.0, between=between),
        Rows("slope", points, slope, 1 / wavenumber, between=between),
    )


def edge_rows(edges: str, model: Model, *, partitions: Partitions, points: np.ndarray, frequency: float) -> Rows:
    """Return rows that hold the four edges: p = 0, or waves go out (Higdon 1986, 1987; two angles).

        (cos α₁ ∂t + c ∂n + c / L)(cos α₂ ∂t + c ∂n + c / L) p = 0

    c is the velocity at the nearest node, L half the mean extent of the model: 1 / L stands for the decay of
    cylindrical waves and keeps static fields from drifting.
    """
    points, normals = on_edges(points, partitions)
    if edges == "wall":
        return Rows("edge", points, ((VALUE, torch.ones(len(points), dtype=torch.float64)),), WEIGHT)
    grid = model.grid
    z, x = (
        np.clip(np.rint((points[:, k] - o) / h).astype(int), 0, n - 1)
        for k, (o, h, n) in enumerate(zip(grid.origin, grid.spacing, grid.shape, strict=True))
    )
    terms = outgoing(model["vp"].double()[z, x], normals, decay(partitions))
    return Rows("edge", points, terms, WEIGHT / frequency**2, normals, decay(partitions))


def decay(partitions: Partitions) -> float:
    """Return 1 / L, per m."""
    z, x, _ = partitions
    return 4 / (z.high - z.low + x.high - x.low)


def outgoing(c: Tensor, normals: np.ndarray, decay: float) -> tuple[tuple[Order, Tensor], ...]:
    """Return derivatives and factors of the absorbing condition for velocities [n], m/s, and normals [n, axis]."""
    n_z, n_x = torch.from_numpy(normals).T
    a, b = COSINES
    return (
        ((0, 0, 2), a * b * torch.ones_like(c)),
        ((1, 0, 1), (a + b) * c * n_z),
        ((0, 1, 1), (a + b) * c * n_x),
        ((2, 0, 0), c**2 * n_z**2),
        ((0, 2, 0), c**2 * n_x**2),
        ((0, 0, 1), (a + b) * c * decay),
        ((1, 0, 0), 2 * decay * c**2 * n_z),
        ((0, 1, 0), 2 * decay * c**2 * n_x),
        (VALUE, decay**2 * c**2),
    )


@dataclass(frozen=True, eq=False)
class PINNProblem:
    """The rows of a physics in any model.

    Parameters
    ----------
    physics : Physics
    features : Features
    degree : int
        Of the splines through the model.
    edges : {"open", "wall", "absorbing"}
    frequency : float, rad/s
        Highest angular frequency.
    wavenumber : float, rad/m
        Largest wavenumber.
    many : bool
        Whether subdomains are many, so that fewer rows do.
    seed : int
        Of the points.
    """

    physics: Physics
    features: Features
    degree: int
    edges: str
    frequency: float
    wavenumber: float
    many: bool
    seed: int

    def rows(self, model: Model) -> tuple[Rows, ...]:
        """Return the rows; their factors follow from the model."""
        ratio = FEWER if self.many else PER_FEATURE
        points = {
            kind: places(
                self.features.partitions,
                ceil(ratio[kind] * self.features.active),
                self.seed,
                shares=None if kind == "edge" else self.features.used,
                parts=self.features.parts,
            )
            for kind in ("equation", "initial", "edge")
        }
        residual = residual_of(self.physics, model, degree=self.degree, parts=self.features.parts)
        return (
            equation_rows(residual, points["equation"], self.frequency),
            *initial_rows(points["initial"], self.frequency),
            *self._held(model, points["edge"], ratio=ratio["interface"], seed=self.seed),
        )

    def fresh(self, model: Model, points: np.ndarray, seed: int) -> list[Rows]:
        """Return rows of the equation, edges and interfaces, at points to which the field is not fitted."""
        residual = residual_of(self.physics, model, degree=self.degree, parts=self.features.parts)
        return [equation_rows(residual, points, self.frequency), *self._held(model, points, ratio=1.0, seed=seed)]

    def _held(self, model: Model, points: np.ndarray, *, ratio: float, seed: int) -> list[Rows]:
        """Return rows of edges, and of interfaces, with `ratio` points per feature beside them."""
        partitions, parts, used = self.features.partitions, self.features.parts, self.features.used
        rows = []
        if self.edges != "open":
            rows.append(edge_rows(self.edges, model, partitions=partitions, points=points, frequency=self.frequency))
        if parts is not None:
            each = np.full(len(self.features.cells), self.features.phase.shape[1]) if used is None else used
            beside = each.reshape(-1, parts.count)
            count = ceil(ratio * beside[np.count_nonzero(beside, axis=1) > 1].sum())
            rows += interface_rows(parts, partitions, count, wavenumber=self.wavenumber, seed=seed)
        return rows
