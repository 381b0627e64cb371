"""Cases of which the truth is known: data modelled more finely than they are inverted, and a smooth starting model.

Data are modelled on a grid twice as fine and with stencils of another order than the inversion's, so that the errors of
both discretisations differ (no inverse crime). The starting model is the truth with the slowness s of its rock smoothed
by a Gaussian G that does not see the water, w = 0 there and 1 elsewhere: 1 / v = G(w s) / G(w).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from seisinv.core import Gathers, Grid, Model, Survey, line, ricker
from seisinv.physics import Acoustic
from seisinv.propagate import Boundary, Propagator

ORDER = 10  # of the stencils that model data; the default of inversions is 8
WATER = 1560.0  # m/s: what is slower and connected to the top is water


@dataclass(frozen=True, eq=False)
class Case:
    """A true model, data of it, and what an inversion may start from.

    Parameters
    ----------
    truth : Model
    start : Model
        The starting model.
    observed : Gathers
    water : (nz, nx) array of bool, optional
        Cells above the seafloor.

    Examples
    --------
    >>> from seisinv.geology import Geology
    >>> grid = Grid((24, 32), 25.0)
    >>> survey = surface_survey(grid, shots=2, peak=8.0, duration=0.4, dt=4e-3)
    >>> case = Case.modelled(lambda g: Geology().vp(g, seed=1), survey, grid, smooth=4.0)
    >>> case.truth.vp.shape, case.observed.data.shape
    (torch.Size([24, 32]), torch.Size([2, 32, 101]))
    """

    truth: Model
    start: Model
    observed: Gathers
    water: np.ndarray | None = None

    @classmethod
    def modelled(
        cls,
        velocity: Callable[[Grid], np.ndarray],
        survey: Survey,
        grid: Grid,
        *,
        smooth: float,
        error: np.ndarray | float = 0.0,
        water: bool = True,
        boundary: Boundary | None = None,
        threads: int | None = None,
    ) -> Case:
        """Model noise-free data on a grid twice as fine as `grid`, and smooth the truth.

        Parameters
        ----------
        velocity : function of a Grid, m/s
            Returns vp [z, x] on any grid of the same extent.
        survey : Survey
        grid : Grid
            Of the inversion.
        smooth, error
            `sigma` and `error` of `smooth_start`.
        water : bool
            Look for a layer of water (`water_layer`), which the starting model keeps.
        boundary, threads
            As for `model_data`.

        Returns
        -------
        Case
        """
        fine = refined(grid)
        vp = velocity(fine).astype(np.float32)
        truth = np.ascontiguousarray(vp[::2, ::2])
        wet = water_layer(truth) if water else None
        start = Model(grid, vp=smooth_start(truth, smooth, water=wet, error=error))
        observed = model_data(Model(fine, vp=vp), survey, boundary=boundary, threads=threads)
        return cls(Model(grid, vp=truth), start, observed, wet)

    @property
    def rock(self) -> np.ndarray | None:
        """Mask [z, x] of the cells below the seafloor, None where there is no water."""
        return None if self.water is None else ~self.water


def refined(grid: Grid) -> Grid:
    """Return a grid with half the spacing, whose even nodes are those of `grid`.

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    Grid

    Examples
    --------
    >>> refined(Grid((3, 5), 20.0)).shape
    (5, 9)
    """
    return Grid([2 * n - 1 for n in grid.shape], [h / 2 for h in grid.spacing], grid.origin)


def surface_survey(
    grid: Grid, *, shots: int, peak: float, duration: float, dt: float, every: float | None = None
) -> Survey:
    """Return a surface survey along the whole of a model, one cell deep.

    Parameters
    ----------
    grid : Grid
        Of two axes, from x = 0.
    shots : int
        Number of sources, at equal distances.
    peak : float, Hz
        Of the Ricker wavelet.
    duration, dt : float, s
    every : float, m, optional
        Distance between receivers; default: one cell.

    Returns
    -------
    Survey

    Examples
    --------
    >>> len(surface_survey(Grid((40, 101), 20.0), shots=5, peak=8.0, duration=1.0, dt=4e-3))
    5
    """
    h, width = grid.spacing[1], grid.extent[1][1]
    return Survey.surface(
        sources=line(width / (2 * shots), width, every=width / shots, depth=h),
        receivers=line(0, width, every=every or h, depth=h),
        wavelet=ricker(peak),
        duration=duration,
        dt=dt,
    )


def model_data(
    model: Model, survey: Survey, *, boundary: Boundary | None = None, threads: int | None = None
) -> Gathers:
    """Model data with the acoustic wave equation and stencils of order 10.

    Parameters
    ----------
    model : Model
    survey : Survey
    boundary : Boundary, optional
        Default: absorbing layers of 30 cells.
    threads : int, optional

    Returns
    -------
    Gathers

    Examples
    --------
    >>> grid = Grid((21, 31), 10.0)
    >>> model_data(Model(grid, vp=1500.0), surface_survey(grid, shots=1, peak=15.0, duration=0.2, dt=2e-3)).data.shape
    torch.Size([1, 31, 101])
    """
    boundary = Boundary(width=30) if boundary is None else boundary
    simulate = Propagator(Acoustic(), model.grid, survey, order=ORDER, boundary=boundary, threads=threads)
    with torch.no_grad():
        return simulate(model)


def water_layer(vp: np.ndarray) -> np.ndarray:
    """Return which cells lie above the seafloor: slower than 1560 m/s, as are all above them.

    Parameters
    ----------
    vp : (nz, nx) array, m/s

    Returns
    -------
    (nz, nx) array of bool

    Examples
    --------
    >>> water_layer(np.array([[1500.0], [1800.0], [1500.0]])).ravel()
    array([ True, False, False])
    """
    return np.logical_and.accumulate(vp < WATER, axis=0)


def smooth_start(
    vp: np.ndarray, sigma: float, *, water: np.ndarray | None = None, error: np.ndarray | float = 0.0
) -> np.ndarray:
    """Smooth the slowness of a model's rock, and leave its water as it is.

    Parameters
    ----------
    vp : (nz, nx) array, m/s
    sigma : float, cells
        Standard deviation of the Gaussian.
    water : (nz, nx) array of bool, optional
        Cells above the seafloor.
    error : float or (nz, nx) array
        Relative error added to the velocity of the rock.

    Returns
    -------
    (nz, nx) array, m/s, float32

    Examples
    --------
    >>> vp = np.full((20, 20), 1500.0)
    >>> vp[5:] = 3000.0
    >>> start = smooth_start(vp, 4.0, water=vp < 1600)
    >>> bool(np.allclose(start, vp))
    True
    """
    from scipy.ndimage import gaussian_filter

    water = np.zeros(vp.shape, bool) if water is None else water
    rock = np.where(water, 0.0, 1.0)
    mean, cover = (gaussian_filter(u, sigma, mode="nearest") for u in (rock / vp, rock))
    slowness = np.maximum(mean / np.maximum(cover, 1e-6), 1e-5)
    return np.where(water, vp, (1.0 + error) / slowness).astype(np.float32)
