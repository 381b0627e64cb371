"""The regular grid on which a model lives: cells, spacing and origin in metres, depth first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seisinv.core.arrays import numbers, real
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
        If an axis has fewer than 2 nodes, a spacing is not positive, or an origin not finite.

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
        shape: Sequence[int] | np.ndarray,
        spacing: float | Sequence[float] | np.ndarray,
        origin: float | Sequence[float] | np.ndarray = 0.0,
    ) -> None:
        nodes = numbers(shape, "shape", error=GeometryError)
        if nodes.ndim != 1 or len(nodes) not in AXES:
            raise GeometryError(f"shape has {nodes.size} axes; a grid has 2 or 3: (nz, nx) or (nz, ny, nx)")
        if (nodes % 1).any():
            raise GeometryError(f"shape is {tuple(nodes.tolist())}; it must be whole numbers of nodes")
        object.__setattr__(self, "shape", tuple(int(n) for n in nodes))
        object.__setattr__(self, "spacing", _per_axis("spacing", spacing, len(nodes)))
        object.__setattr__(self, "origin", _per_axis("origin", origin, len(nodes)))
        for axis, n, h, first in zip(self.axes, self.shape, self.spacing, self.origin, strict=True):
            if n < 2:
                raise GeometryError(f"shape along {axis} is {n}; at least 2 nodes are needed")
            if not 0 < h < np.inf:
                raise GeometryError(f"spacing along {axis} is {h:g} m; it must be positive")
            if not np.isfinite(first):
                raise GeometryError(f"origin along {axis} is {first:g} m; it must be finite")

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


def _per_axis(name: str, value: float | Sequence[float] | np.ndarray, ndim: int) -> tuple[float, ...]:
    values = real(value, name, error=GeometryError)
    if values.shape not in ((), (ndim,)):
        raise GeometryError(f"{name} has {values.size} values; the grid has {ndim} axes")
    return tuple(float(v) for v in np.broadcast_to(values, ndim))
