"""Models on other grids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seisinv.core.errors import ConfigError
from seisinv.core.grid import Grid
from seisinv.core.model import Model


def regrid(
    model: Model, grid: Grid, name: str = "vp", *, source: str = "the model", extrapolate: bool = False
) -> np.ndarray:
    """Return one parameter of a model on another grid, interpolated linearly.

    Parameters
    ----------
    model : Model
    grid : Grid
    name : str
        The parameter.
    source : str
        What the error calls the model.
    extrapolate : bool
        Continue linearly outside the model; otherwise the values at its edges hold there.

    Returns
    -------
    array of the grid's shape, in the unit of the parameter

    Raises
    ------
    ConfigError
        If less than half of the grid lies inside the model, which means wrong units or origin.

    Examples
    --------
    >>> import numpy as np
    >>> from seisinv.core import Grid, Model
    >>> coarse = Model(Grid((2, 2), 100.0), vp=np.array([[1500.0, 1500.0], [2500.0, 2500.0]]))
    >>> regrid(coarse, Grid((3, 2), (50.0, 100.0)))[:, 0].tolist()
    [1500.0, 2000.0, 2500.0]
    """
    values = model[name].detach().cpu().numpy()
    if model.grid == grid:
        return values
    points = np.stack(np.meshgrid(*(grid.coordinates(a) for a in grid.axes), indexing="ij"), axis=-1)
    inside = float(model.grid.contains(points).mean())
    if inside < 0.5 and not extrapolate:
        (z0, z1), (x0, x1) = model.grid.extent[0], model.grid.extent[-1]
        raise ConfigError(
            f"{source} spans z = {z0:,.0f} to {z1:,.0f} m and x = {x0:,.0f} to {x1:,.0f} m, which covers only "
            f"{inside:.0%} of the grid; check its spacing and origin (m)"
        )
    return linear(model.grid, values.astype(float), points, extrapolate=extrapolate)


def linear(grid: Grid, values: np.ndarray, points: np.ndarray, *, extrapolate: bool = False) -> np.ndarray:
    """Return values on the nodes of a grid at points [..., axis], m: linear between nodes, constant beyond them.

    Parameters
    ----------
    grid : Grid
    values : array of its shape
    points : (..., axis) array, m
    extrapolate : bool
        Continue linearly beyond the nodes.
    """
    from scipy.interpolate import RegularGridInterpolator

    axes, (low, high) = [grid.coordinates(a) for a in grid.axes], np.array(grid.extent).T
    look = RegularGridInterpolator(axes, values, bounds_error=False, fill_value=None)
    return np.asarray(look(points if extrapolate else np.clip(points, low, high)))


def bilinear(grid: Grid, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the four nodes [n, 4] about each position, numbered along the raveled grid, and their weights [n, 4]."""
    place = (np.atleast_2d(positions) - np.array(grid.origin)) / np.array(grid.spacing)
    first = np.clip(np.floor(place).astype(int), 0, np.array(grid.shape) - 2)
    u, v = np.clip(place - first, 0, 1).T
    corner = first[:, 0] * grid.shape[1] + first[:, 1]
    index = corner[:, None] + np.array([0, 1, grid.shape[1], grid.shape[1] + 1])
    return index, np.stack([(1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v], axis=1)


def grid_over(extent: Sequence[tuple[float, float]], shape: Sequence[int]) -> Grid:
    """Return the grid of a shape whose first and last nodes lie at the ends of an extent, m."""
    spacing = [(high - low) / (n - 1) for (low, high), n in zip(extent, shape, strict=True)]
    return Grid(shape, spacing, [low for low, _ in extent])
