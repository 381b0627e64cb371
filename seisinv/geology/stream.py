"""The stream of models: parameters of the distributions, and earths drawn from them by seed and index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from seisinv.core import ConfigError, GeometryError, Grid, Model
from seisinv.geology.draw import draw_earth
from seisinv.geology.earth import Earth
from seisinv.geology.parameters import Distributions
from seisinv.geology.rocks import density, s_velocity

# Spacings, m, at which beds and faults drawn here are sampled sensibly.
SPACING = (5.0, 40.0)


@dataclass(frozen=True)
class Geology(Distributions):
    """An endless, seeded stream of plausible two-dimensional velocity models.

    An earth is drawn for the width of a grid and the depth of its last node below the datum (or below its first node,
    if that lies higher), then sampled: the same seed and index give the same earth on every spacing, and a grid that
    starts below the datum sees the lower part of it. Sizes of structures are relative to the depth of the section, so
    that it looks as plausible 500 m deep at 5 m as 4 km deep at 40 m; velocities follow burial in metres.

    Parameters
    ----------
    marine : float
        Fraction of the models under water.
    layers : (float, float)
        Beds in the depth of the section, log-uniform between them from model to model.
    thickness : (float, float), m
        Limits of the median thickness of the beds of a sequence.
    spread : float
        Standard deviation of the logarithm of the thickness.
    jump : float
        Typical relative departure of a bed's velocity from the compaction trend.
    dip : float
        Root-mean-square slope of the strongest folds.
    faults : int
        Largest number of faults of the main deformation; all numbers from 0 are equally likely.
    channels, lenses : float
        Mean number per model.
    salt, basalt, basement : float
        Fraction of the models for which a salt body, basalt sills or a flow, or crystalline basement are drawn; some of
        these were then eroded or lie outside the section.
    texture : float
        Median relative deviation of the small-scale random field.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> vp = Geology().vp(Grid((64, 96), 20.0), seed=1)
    >>> vp.shape, bool(vp.min() > 1400)
    ((64, 96), True)
    """

    def model(self, grid: Grid, *, seed: int, index: int = 0) -> Model:
        """Return a model of the stream.

        Parameters
        ----------
        grid : Grid
        seed : int
            Of the stream.
        index : int
            Number of the model in the stream.

        Returns
        -------
        Model
            vp and vs in m/s and rho in kg/m³, float32.

        Raises
        ------
        GeometryError
            If the grid is not two-dimensional or its spacing is not within 5 to 40 m.
        ConfigError
            If `seed` or `index` is negative.
        """
        vp, rock = self._sample(grid, seed, index)
        parts = {"vp": vp, "vs": s_velocity(vp, rock), "rho": density(vp, rock)}
        return Model(grid, **{name: part.astype(np.float32) for name, part in parts.items()})

    def vp(self, grid: Grid, *, seed: int, index: int = 0) -> np.ndarray:
        """Return only the velocity of `model`, which takes less time.

        Parameters
        ----------
        grid, seed, index
            As for `model`.

        Returns
        -------
        (nz, nx) array, m/s, float32
        """
        return self._sample(grid, seed, index)[0].astype(np.float32)

    def stream(self, grid: Grid, *, seed: int, start: int = 0) -> Iterator[Model]:
        """Yield one model after the other, without end.

        Parameters
        ----------
        grid, seed
            As for `model`.
        start : int
            Number of the first model.

        Yields
        ------
        Model
        """
        return (self.model(grid, seed=seed, index=index) for index in count(start))

    def earth(self, grid: Grid, *, seed: int, index: int = 0) -> Earth:
        """Draw an earth for the extent of a grid.

        Parameters
        ----------
        grid, seed, index
            As for `model`.

        Returns
        -------
        Earth
            A function of position, which can be sampled on any grid.

        Raises
        ------
        ConfigError, GeometryError
            As `model`, or if the seed or the index is negative.
        """
        _check(grid)
        for name, value in (("seed", seed), ("index", index)):
            if value < 0:
                raise ConfigError(f"{name} is {value}; it must be 0 or more")
        (top, bottom), (left, right) = grid.extent
        depth = bottom - min(top, 0.0)
        return draw_earth(self, np.random.default_rng([seed, index]), depth, right - left)

    def _sample(self, grid: Grid, seed: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        earth = self.earth(grid, seed=seed, index=index)
        z, x = grid.coordinates("z"), grid.coordinates("x")
        return earth.sample(z - min(grid.origin[0], 0.0), x - grid.origin[1])


def _check(grid: Grid) -> None:
    if grid.ndim != 2:
        raise GeometryError(f"the grid has {grid.ndim} axes; the geology is two-dimensional: use a grid (nz, nx)")
    for axis, h in zip(grid.axes, grid.spacing, strict=True):
        if not SPACING[0] <= h <= SPACING[1]:
            raise GeometryError(
                f"spacing along {axis} is {h:g} m; the geology is made for {SPACING[0]:g} to {SPACING[1]:g} m: "
                "choose a spacing within, and resample the model if another is needed"
            )
