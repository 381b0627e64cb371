"""Parts of a model between its jumps, and the interfaces where they meet.

Across a jump of velocity the second derivatives of pressure jump, which smooth features represent poorly.  Between
jumps they need not: every part has features of its own, and at constant density pressure and its normal derivative are
the same on both sides of an interface (Aki & Richards 2002, §5.1).

Nodes belong to one part if a path of neighbours joins them that never changes by more than a given share.  An
interface is where the smoothed indicators of two parts are equal: halfway between nodes if it is flat, and without
their steps if it dips.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from seisinv.core import Grid

SMOOTH = 1.0  # standard deviation of the smoothing of indicators, in cells
MOSTLY = 0.5  # share of nodes within interfaces beyond which there are no parts
NEWTON = 4  # steps onto an interface, from half a cell away


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of a grid.

    Parameters
    ----------
    grid : Grid
    labels : (nz, nx) array of int
        Part of every node, from 0; −1 for nodes within an interface, which belong to none.
    """

    grid: Grid
    labels: np.ndarray

    @property
    def count(self) -> int:
        """Number of parts."""
        return int(self.labels.max()) + 1

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return the part in which points (z, x, …) lie [point]."""
        return np.asarray(np.argmax([s.ev(points[:, 0], points[:, 1]) for s in self._indicators], axis=0))

    def signs(self, points: np.ndarray, between: np.ndarray | None = None) -> np.ndarray:
        """Return what a field of each part counts at points [part, point].

        Parameters
        ----------
        between : (n, 2) array of int, optional
            For points on interfaces: the part counted and the part taken off; otherwise a point's own part counts.
        """
        number = np.arange(self.count)[:, None]
        if between is None:
            return np.asarray((number == self.at(points)).astype(float))
        return (number == between[:, 0]).astype(float) - (number == between[:, 1])

    def nearest(self, part: int) -> np.ndarray:
        """Return the flat number of the nearest node of a part for every node [nz, nx]."""
        z, x = _nearest(self.labels == part, self.grid)
        return np.asarray(z * self.grid.shape[1] + x)

    def interfaces(self, even: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return points along the interfaces (z, x), their unit normals, and the parts on both sides [n, 2].

        Parameters
        ----------
        even : (n, 2) array
            Positions along them, from 0 to 1, and across a cell, from 0 to 1.
        """
        owner = self._owner
        first, second = _neighbours(owner.shape).T
        cut = owner.ravel()[first] != owner.ravel()[second]
        first, second = first[cut], second[cut]
        pick = (even[:, 0] * len(first)).astype(int)
        first, second = first[pick], second[pick]
        places = [np.column_stack(np.unravel_index(n, owner.shape)) for n in (first, second)]
        along = np.abs(places[1] - places[0])[:, ::-1]  # across the pair of nodes: spread over a cell
        at = 0.5 * (places[0] + places[1]) + along * (even[:, 1, None] - 0.5)
        points = np.array(self.grid.origin) + at * self.grid.spacing
        low, high = np.array(self.grid.extent).T
        between = np.column_stack([owner.ravel()[first], owner.ravel()[second]])
        for _ in range(NEWTON):
            value, slope = self._difference(points, between)
            points = np.clip(points - value[:, None] * slope / np.sum(slope**2, 1, keepdims=True), low, high)
        slope = self._difference(points, between)[1]
        return points, slope / np.linalg.norm(slope, axis=1, keepdims=True), between

    @cached_property
    def _owner(self) -> np.ndarray:
        """Part of every node, also of those within an interface."""
        z, x = _nearest(self.labels >= 0, self.grid)
        return np.asarray(self.labels[z, x])

    @cached_property
    def _indicators(self) -> list[Any]:
        from scipy.interpolate import RectBivariateSpline
        from scipy.ndimage import gaussian_filter

        axes = [self.grid.coordinates(a) for a in self.grid.axes]
        degree = [min(3, len(a) - 1) for a in axes]
        soft = [gaussian_filter((self._owner == n).astype(float), SMOOTH, mode="nearest") for n in range(self.count)]
        return [RectBivariateSpline(*axes, s, kx=degree[0], ky=degree[1]) for s in soft]

    def _difference(self, points: np.ndarray, between: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the difference of two parts' indicators at points, and its gradient [point, axis]."""
        sign = self.signs(points, between)
        value, z, x = (
            sum(s * f.ev(points[:, 0], points[:, 1], dx=i, dy=j) for s, f in zip(sign, self._indicators, strict=True))
            for i, j in ((0, 0), (1, 0), (0, 1))
        )
        return value, np.column_stack([z, x])


def parts_of(grid: Grid, vp: np.ndarray, jump: float) -> Parts | None:
    """Return the parts of a model between neighbouring nodes whose velocities differ by more than the share `jump`.

    Parts that are nowhere three nodes wide count as interfaces.  None if no more than one part is left (interfaces that
    end within the model cut nothing off), or if most nodes lie within interfaces, as in noise.
    """
    from scipy.ndimage import maximum_filter, minimum_filter
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = _neighbours(vp.shape)
    both = vp.ravel()[pairs]
    joined = pairs[both.max(1) <= (1 + jump) * both.min(1)]
    if len(joined) == len(pairs):
        return None
    graph = coo_array((np.ones(len(joined)), joined.T), shape=(vp.size, vp.size))
    found = connected_components(graph, directed=False)[1].reshape(vp.shape)
    inner = minimum_filter(found, 3, mode="nearest") == maximum_filter(found, 3, mode="nearest")
    wide = np.unique(found[inner])
    if len(wide) < 2:
        return None
    labels = np.searchsorted(wide, found)
    thin = wide[np.minimum(labels, len(wide) - 1)] != found
    if np.mean(thin) > MOSTLY:
        return None
    return Parts(grid, np.where(thin, -1, labels))


def _neighbours(shape: tuple[int, ...]) -> np.ndarray:
    """Return the flat numbers of nodes beside each other, along z and then along x [pair, 2]."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    sides = ((index[:-1], index[1:]), (index[:, :-1], index[:, 1:]))
    return np.concatenate([np.column_stack([a.ravel(), b.ravel()]) for a, b in sides])


def _nearest(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the indices of the nearest node where a mask is true [axis, nz, nx]."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~mask, sampling=grid.spacing, return_distances=False, return_indices=True))
