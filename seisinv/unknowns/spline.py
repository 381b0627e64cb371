"""Cubic B-splines: an update that is smooth over a stated distance, with few unknowns.

    m(z, x) = s(z, x) + m̄ Σ_ij c_ij B(z/Δ − i) B(x/Δ − j)

with B the cubic cardinal B-spline (de Boor 1978; Schoenberg 1946). The B-splines sum to 1 everywhere: coefficients that
grow by the same 1 % raise the model by 1 % of its mean m̄. The update is what is expanded, not the model: a starting
model of any roughness is kept exactly, and c = 0 stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Grid, Model
from seisinv.unknowns.grid import Bounded
from seisinv.unknowns.update import Update

DEGREE = 3


@dataclass(frozen=True, eq=False)
class CubicSpline(Update):
    """Update of the starting model by cubic B-splines on a coarse, regular net of knots (de Boor 1978).

    Parameters
    ----------
    start : Model
        Starting model; parameters without bounds stay as they are there.
    knots : float or one float per axis (z, x), m
        Largest distance between knots; made smaller to divide the grid's extent evenly. The shortest wavelength that
        an update can have is about twice as long.
    water : float (m), bool array [z, x], or None
        Nodes that keep their starting value: all above a depth, or where the mask is True.
    **bounds : (low, high) by parameter name, SI units
        For example vp=(1450, 4800) in m/s; kept by a smooth map, see `update.py`.

    Raises
    ------
    ConfigError
        If knots are closer together than nodes.
    ModelError
        If the starting model exceeds the bounds outside the water.

    Examples
    --------
    >>> unknown = CubicSpline(Model(Grid((31, 61), 10.0), vp=2000.0), knots=100.0, vp=(1500, 3000))
    >>> unknown.counts, unknown.vector().size
    ((6, 9), 54)
    """

    name: ClassVar[str] = "spline"
    box: Bounded
    knots: tuple[float, ...]

    def __init__(
        self,
        start: Model,
        *,
        knots: float | Sequence[float] = 100.0,
        water: float | np.ndarray | Tensor | None = None,
        **bounds: tuple[float, float],
    ) -> None:
        object.__setattr__(self, "box", Bounded(start, water=water, **bounds))
        object.__setattr__(self, "knots", _checked_knots(start.grid, knots))

    @property
    def unit(self) -> float:
        """Mean of the first unknown parameter of the starting model, SI units."""
        return self.box.unit

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of coefficients along each axis."""
        return tuple(matrix.shape[1] for matrix in self._matrices)

    def vector(self) -> np.ndarray:
        """Return the coefficients [n] of no update, zeros."""
        return np.zeros(len(self.box.limits) * int(np.prod(self.counts)))

    def update(self, vector: Tensor) -> Tensor:
        """Return the spline [parameter, z, x] of a vector [parameter × knots], as a share of each mean."""
        values = vector.reshape(-1, *self.counts)
        for axis, matrix in enumerate(self._matrices, start=1):
            values = torch.movedim(torch.movedim(values, axis, -1) @ matrix.to(values).T, -1, axis)
        return values

    @cached_property
    def _matrices(self) -> list[Tensor]:
        """Values of the B-splines at the nodes [node, coefficient], for each axis."""
        from scipy.interpolate import BSpline

        matrices = []
        for (first, last), n, distance in zip(self.start.grid.extent, self.start.grid.shape, self.knots, strict=True):
            intervals = max(1, int(np.ceil((last - first) / distance - 1e-6)))
            positions = np.arange(-DEGREE, intervals + DEGREE + 1.0)
            nodes = np.linspace(0.0, intervals, n)
            matrices.append(torch.from_numpy(BSpline.design_matrix(nodes, positions, DEGREE).toarray()))
        return matrices


def _checked_knots(grid: Grid, knots: float | Sequence[float]) -> tuple[float, ...]:
    distances = np.atleast_1d(np.asarray(knots, dtype=float))
    if distances.shape not in ((1,), (grid.ndim,)):
        raise ConfigError(f"knots has {distances.size} values; give one, or one per axis {grid.axes}, in m")
    given = tuple(float(d) for d in np.broadcast_to(distances, grid.ndim))
    for axis, distance, h in zip(grid.axes, given, grid.spacing, strict=True):
        if not (h * (1 - 1e-6) <= distance < np.inf):
            raise ConfigError(
                f"knots are {distance:g} m apart along {axis}, the grid's nodes {h:g} m; "
                f"use {2 * h:g} m or more, or values on the grid"
            )
    return given
