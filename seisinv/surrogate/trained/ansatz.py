"""The form of a trained surrogate, which holds its initial fields and its walls whatever the networks say.

    p = (p₀ + t q₀) exp(−½ (1.5 t/t₁)²) + P tanh²(2.5 t/t₁) wall(z) wall(x) Σ_j w_j N_j

p₀ and q₀ are the pressure and its rate at t = 0, P the largest value of p₀ (or of t₁ q₀), t₁ = 1/(c k) with k the
r.m.s. wavenumber of the field, for a Gaussian its standard deviation over the velocity c; wall = tanh(k d) tanh(k d')
of the distances from two walls, and 1 where there is none (the ansatz of Moseley, Markham & Nissen-Meyer 2023, doi
10.1007/s10444-023-10065-9, with a rate and walls).

A linear form Σ f ∂p, such as the equation's residual, is then a known part plus Σ f · derivatives of the networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb, pi

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Grid
from seisinv.core.resampling import grid_over
from seisinv.surrogate.features import HIGHEST, Partitions
from seisinv.surrogate.jets import Jet, Order
from seisinv.surrogate.residual import Medium
from seisinv.surrogate.trained.network import Network
from seisinv.symbolic.equations import Symbol

Form = Mapping[Order, np.ndarray | float]
FINE = 12  # nodes per shortest wavelength of the splines of initial fields: 1e-5 of their Laplacian


@dataclass(frozen=True, eq=False)
class Start:
    """Initial fields as splines.

    Parameters
    ----------
    grid : Grid
        Fine enough for the second derivatives of the fields.
    value, rate : (nz, nx) arrays, Pa and Pa/s
    wavenumber : float, rad/m
        r.m.s. wavenumber of the fields.
    time : float, s
        t₁ of the ansatz.
    """

    grid: Grid
    value: np.ndarray
    rate: np.ndarray
    wavenumber: float
    time: float

    @cached_property
    def size(self) -> float:
        """Largest value, Pa."""
        return float(max(np.abs(self.value).max(), self.time * np.abs(self.rate).max()))

    @cached_property
    def rms(self) -> float:
        """r.m.s. value, Pa."""
        return float(np.sqrt(np.mean(self.value**2 + (self.time * self.rate) ** 2)))

    def derivative(self, points: np.ndarray, order: Order) -> np.ndarray:
        """Return a derivative of the part of the ansatz that holds no network [point]."""
        s, along = points[:, 2], (order[0], order[1])
        damping = _gaussian(s, 1.5 / self.time)
        later = _product(damping, np.stack([s, np.ones_like(s), np.zeros_like(s)]))
        out = self._splines(Jet(Symbol("value", "coefficient"), along), points[:, :2]) * damping[order[2]]
        if self.rate.any():
            out = out + self._splines(Jet(Symbol("rate", "coefficient"), along), points[:, :2]) * later[order[2]]
        return out

    @cached_property
    def _splines(self) -> Medium:
        return Medium(self.grid, {"value": self.value, "rate": self.rate})


def fine_grid(extent: Sequence[tuple[float, float]], wavenumber: float) -> Grid:
    """Return a grid over a rectangle that is fine enough for fields up to a wavenumber, rad/m."""
    step = 2 * pi / wavenumber / FINE
    return grid_over(extent, [max(12, int(np.ceil((high - low) / step)) + 1) for low, high in extent])


def start_of(grid: Grid, value: np.ndarray, rate: np.ndarray, velocity: float) -> Start:
    """Return the initial fields and the time that belongs to their r.m.s. wavenumber.

    Raises
    ------
    ConfigError
        If they vanish everywhere.
    """
    field = value if value.any() else rate
    if not field.any():
        raise ConfigError("an initial field is zero everywhere; pass one that is not")
    slope = sum(float(np.mean(g**2)) for g in np.gradient(field, *grid.spacing))
    lowest = 2 * pi / max(high - low for low, high in grid.extent)  # a constant field has wavenumber 0
    wavenumber = max(float(np.sqrt(slope / np.mean(field**2))), lowest)
    return Start(grid, value, rate, wavenumber, 1 / (velocity * wavenumber))


@dataclass(frozen=True, eq=False)
class AnsatzRows:
    """A linear form of the field at points: what is known of it, and what multiplies the networks' derivatives.

    Parameters
    ----------
    known : (point,) tensor
    point : (subdomain, m) tensor
        Which points lie in which subdomain; padded by any.
    offset : (subdomain, m, 3) tensor
        Their distances from its middle.
    factors : (subdomain, m) tensors by order
        Zero for padding.
    """

    known: Tensor
    point: Tensor
    offset: Tensor
    factors: Mapping[Order, Tensor]


@dataclass(frozen=True, eq=False)
class Ansatz:
    """A trained surrogate without its parameters.

    Parameters
    ----------
    network : Network
    partitions : Partition along z, x and t
    scale : (3,) array
        Of the networks' inputs.
    start : Start
    walls : bool
        Whether p = 0 at the edges.
    """

    network: Network
    partitions: Partitions
    scale: np.ndarray
    start: Start
    walls: bool

    def rows(self, points: np.ndarray, form: Form) -> AnsatzRows:
        """Return a linear form of the field.

        Parameters
        ----------
        points : (n, 3) array, (z, x, t) in m, m, s
        form : factor [point] of every derivative of the field
        """
        windows = [p.derivatives(points[:, k]) for k, p in enumerate(self.partitions)]
        inside = _outer(*(w[0] for w in windows)) > 0
        count = max(1, int(inside.sum(1).max()))
        point = np.argsort(~inside, axis=1, kind="stable")[:, :count]
        padding = ~np.take_along_axis(inside, point, 1)
        along = [_product(w, f[:, None]) for w, f in zip(windows, self._factors(points), strict=True)]
        factors: dict[Order, np.ndarray] = {}
        known = np.zeros(len(points))
        for order, weight in form.items():
            known += weight * self.start.derivative(points, order)
            for split in np.ndindex(*(n + 1 for n in order)):
                pieces = [comb(n, m) * a[n - m] for n, m, a in zip(order, split, along, strict=True)]
                values = np.take_along_axis(_outer(*pieces) * (self.start.size * weight), point, 1)
                key: Order = (split[0], split[1], split[2])
                factors[key] = factors.get(key, 0.0) + np.where(padding, 0.0, values)
        middles = np.stack([m.ravel() for m in np.meshgrid(*(p.middles for p in self.partitions), indexing="ij")], -1)
        offset = np.where(padding[..., None], 0.0, points[point] - middles[:, None])
        return AnsatzRows(
            torch.from_numpy(known),
            torch.from_numpy(point),
            torch.from_numpy(offset),
            {o: torch.from_numpy(f) for o, f in factors.items() if f.any()},
        )

    def apply(self, parameters: Sequence[Tensor], rows: AnsatzRows) -> Tensor:
        """Return the form of the field at the points [point]."""
        orders = list(rows.factors)
        if not orders:
            return rows.known
        found = self.network.derivatives(parameters, rows.offset, self.scale.tolist(), orders)
        values = torch.stack([rows.factors[o] * d for o, d in zip(orders, found, strict=True)]).sum(0)
        return rows.known.index_add(0, rows.point.flatten(), values.flatten())

    def _factors(self, points: np.ndarray) -> list[np.ndarray]:
        """Return what multiplies the networks along z, x and t, with two derivatives [derivative, point]."""
        out = []
        for k, p in enumerate(self.partitions[:2]):
            one = np.zeros((HIGHEST + 1, len(points)))
            one[0] = 1.0
            if self.walls:
                sharp = self.start.wavenumber
                one = _product(_tanh(points[:, k] - p.low, sharp), _tanh(points[:, k] - p.high, -sharp))
            out.append(one)
        rise = _tanh(points[:, 2], 2.5 / self.start.time)
        return [*out, _product(rise, rise)]


def _product(f: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return a product with its derivatives [derivative, …] from those of its factors, by Leibniz' rule."""
    return np.stack([sum(comb(n, m) * f[m] * g[n - m] for m in range(n + 1)) for n in range(HIGHEST + 1)])


def _tanh(s: np.ndarray, rate: float) -> np.ndarray:
    """Return tanh(rate s) and two derivatives along s [derivative, point]."""
    y = np.tanh(rate * s)
    slope = rate * (1 - y**2)
    return np.stack([y, slope, -2 * rate * y * slope])


def _gaussian(s: np.ndarray, rate: float) -> np.ndarray:
    """Return exp(−(rate s)²/2) and two derivatives along s [derivative, point]."""
    y = np.exp(-((rate * s) ** 2) / 2)
    return np.stack([y, -(rate**2) * s * y, rate**2 * (rate**2 * s**2 - 1) * y])


def _outer(z: np.ndarray, x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return products of window functions along the axes [subdomain, point], counted along t fastest."""
    return np.asarray((z[:, None, None] * x[None, :, None] * t[None, None]).reshape(-1, z.shape[-1]))
