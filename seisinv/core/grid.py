"""The regular grid on which a model lives: cells, spacing and origin in metres, depth first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seisinv.core.errors import GeometryError

AXES = {2: ("z", "x"), 3: ("z", "y", "x")}


@dataclass(frozen=True)
class Grid:
    """A regular grid of nodes, depth first.

    Parameters
    ----------
    shape : (nz, nx) or (nz, ny, nx)
        Number of nodes along each axis.
    spacing : float or one float per axis, m
    origin : one float per axis, m
        Position of the first node; z = 0 is the datum, z points down.

    Raises
    ------
    GeometryError
        If an axis has fewer than 2 nodes or a spacing is not positive.

    Examples
    --------
    >>> Grid((101, 201), 10.0).extent
    ((0.0, 1000.0), (0.0, 2000.0))
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]

    def __init__(
        self,
        shape: Sequence[int],
        spacing: float | Sequence[float],
        origin: float | Sequence[float] = 0.0,
    ) -> None:
        shape = tuple(int(n) for n in shape)
        if len(shape) not in AXES:
            raise GeometryError(f"shape has {len(shape)} axes; a grid has 2 or 3: (nz, nx) or (nz, ny, nx)")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "spacing", _per_axis("spacing", spacing, len(shape)))
        object.__setattr__(self, "origin", _per_axis("origin", origin, len(shape)))
        for axis, n, h in zip(self.axes, self.shape, self.spacing, strict=True):
            if n < 2:
                raise GeometryError(f"shape along {axis} is {n}; at least 2 nodes are needed")
            if not (h > 0 and math.isfinite(h)):
                raise GeometryError(f"spacing along {axis} is {h:g} m; it must be positive")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes, in storage order."""
        return AXES[self.ndim]

    @cached_property
    def extent(self) -> tuple[tuple[float, float], ...]:
        """First and last node along each axis, m."""
        return tuple((o, o + (n - 1) * h) for n, h, o in zip(self.shape, self.spacing, self.origin, strict=True))

    def coordinates(self, axis: str) -> np.ndarray:
        """Positions of the nodes along one axis, m.

        Parameters
        ----------
        axis : str
            `x`, `y` or `z`.

        Returns
        -------
        array (n,), m
        """
        k = self.axes.index(axis)
        return self.origin[k] + self.spacing[k] * np.arange(self.shape[k])

    def contains(self, positions: np.ndarray) -> np.ndarray:
        """Return which positions lie within the grid, with a millimetre of tolerance.

        Parameters
        ----------
        positions : array [..., axis], m

        Returns
        -------
        bool array [...]
        """
        low, high = np.array(self.extent).T
        return np.all((positions >= low - 1e-3) & (positions <= high + 1e-3), axis=-1)


def _per_axis(name: str, value: float | Sequence[float], ndim: int) -> tuple[float, ...]:
    values = (float(value),) * ndim if np.ndim(value) == 0 else tuple(float(v) for v in value)  # type: ignore[arg-type, union-attr]
    if len(values) != ndim:
        raise GeometryError(f"{name} has {len(values)} values; the grid has {ndim} axes")
    return values
