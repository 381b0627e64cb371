"""What an inversion begins with where the user gives nothing: a grid that fits the survey, a gradient of velocity.

vp(z) = v₀ + k (z − z_top), kept within bounds: the usual first guess for compacting sediments (Slotnick 1936), k about
0.6 1/s.
Both helpers say in their docstrings what they choose; the caller reports the numbers.
"""

from __future__ import annotations

import numpy as np
import torch

from seisinv.core import GeometryError, Grid, Model, Survey

# Spacings of which the largest that is fine enough is taken, times a power of ten.
NICE = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 8.0)


def default_start(
    grid: Grid,
    *,
    v0: float = 1500.0,
    gradient: float = 0.6,
    bounds: tuple[float, float] | None = None,
    water: float | None = None,
    water_velocity: float = 1480.0,
    dtype: torch.dtype = torch.float32,
) -> Model:
    """Return the velocity-gradient model vp = v₀ + k (z − z_top), with water above it if asked for.

    Parameters
    ----------
    grid : Grid
    v0 : float, m/s
        Velocity at the top of the grid, or at the water bottom.
    gradient : float, 1/s
        k, the increase of velocity with depth.
    bounds : (low, high), m/s, optional
        Limits that the model is clipped to, outside the water.
    water : float, m, optional
        Depth of the water bottom; above it vp is `water_velocity`.
    water_velocity : float, m/s
    dtype : torch.dtype

    Examples
    --------
    >>> default_start(Grid((3, 2), 100.0), v0=1600.0, gradient=0.5).vp[:, 0].tolist()
    [1600.0, 1650.0, 1700.0]
    """
    z = grid.coordinates("z")
    top = grid.origin[0] if water is None else max(grid.origin[0], water)
    vp = v0 + gradient * np.maximum(z - top, 0)
    if bounds is not None:
        vp = np.clip(vp, *bounds)
    if water is not None:
        vp = np.where(z < water, water_velocity, vp)
    column = vp.reshape(-1, *(1,) * (grid.ndim - 1))
    return Model(grid, vp=torch.from_numpy(np.broadcast_to(column, grid.shape).copy()).to(dtype))


def grid_for(
    survey: Survey,
    *,
    vp_min: float,
    highest: float,
    points: float = 5.0,
    depth: float | None = None,
    spacing: float | None = None,
    margin: float | None = None,
) -> Grid:
    """Return a grid that holds a survey.

    Spacing: `points` nodes per shortest wavelength vp_min / highest, rounded down to 1, 1.25, 1.5, 2, … × 10ⁿ.
    Sideways: from the first to the last source or receiver, plus `margin` on both sides.
    Top: z = 0, or the shallowest position where that is above the datum.
    Depth: half the longest offset, how deep diving waves reach, but at least `margin` below the deepest position.

    Parameters
    ----------
    survey : Survey
    vp_min : float, m/s
        Lowest velocity, such as the lower bound.
    highest : float, Hz
        Highest frequency of the inversion.
    points : float
        Nodes per shortest wavelength; 5 suit stencils of order 8.
    depth : float, m, optional
        Depth of the lowest node.
    spacing : float, m, optional
    margin : float, m, optional
        Default: one wavelength, vp_min / highest.

    Raises
    ------
    GeometryError
        If a velocity or frequency is not positive, or `depth` lies above the deepest position.
    """
    for name, value, unit in (("vp_min", vp_min, "m/s"), ("highest", highest, "Hz"), ("points", points, "")):
        if not value > 0:
            raise GeometryError(f"{name} is {value:g} {unit}".rstrip() + "; it must be positive to choose a grid")
    h = spacing or nice_below(vp_min / highest / points)
    edge = vp_min / highest if margin is None else margin
    positions = np.vstack([np.vstack([s.sources, s.receivers]) for s in survey.shots])
    low, high = positions.min(0), positions.max(0)
    longest = float(np.nanmax(np.abs(survey.offsets)))
    bottom = max(high[0] + edge, 0.5 * longest) if depth is None else depth
    if bottom < high[0]:
        raise GeometryError(
            f"depth is {bottom:g} m, above the deepest source or receiver at {high[0]:g} m; increase it"
        )
    first = np.concatenate([[min(0.0, low[0])], low[1:] - edge])
    last = np.concatenate([[bottom], high[1:] + edge])
    # Origins on whole multiples of the spacing read better and change little.
    first = np.floor(first / h + 1e-9) * h
    shape = np.ceil((last - first) / h - 1e-9).astype(int) + 1
    return Grid([max(int(n), 2) for n in shape], h, first.tolist())


def nice_below(value: float) -> float:
    """Return the largest of 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8 × 10ⁿ that does not exceed `value`.

    Examples
    --------
    >>> nice_below(13.7), nice_below(9.99)
    (12.5, 8.0)
    """
    power = 10.0 ** np.floor(np.log10(value) + 1e-12)
    return float(max(n for n in NICE if n <= value / power * (1 + 1e-9)) * power)
