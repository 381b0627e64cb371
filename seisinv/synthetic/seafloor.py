"""The earth of the demonstration: one piece of seafloor for each seed.

Water over a rolling seafloor, velocities that grow with burial, folded layers cut by faults with throw, a fast lens, a
slow buried channel, and a little texture. Models of a wider range are drawn by `seisinv.geology.Geology`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.core import Grid, Model

WATER = 1500.0  # m/s


@dataclass(frozen=True)
class Seafloor:
    """A seeded piece of seafloor; sample it on any grid with `model`.

    Parameters
    ----------
    width, depth : float, m
    seed : int

    Examples
    --------
    >>> earth = Seafloor(seed=5)
    >>> coarse, fine = (earth.model(Grid(n, h)).vp for n, h in (((21, 61), 100.0), ((41, 121), 50.0)))
    >>> bool((coarse == fine[::2, ::2]).all())
    True
    """

    width: float = 6000.0
    depth: float = 2000.0
    seed: int = 2

    def grid(self, spacing: float) -> Grid:
        """Return the grid that covers the earth.

        Parameters
        ----------
        spacing : float, m

        Returns
        -------
        Grid
        """
        return Grid((round(self.depth / spacing) + 1, round(self.width / spacing) + 1), spacing)

    def floor(self, x: np.ndarray) -> np.ndarray:
        """Return the depth of the seafloor.

        Parameters
        ----------
        x : array, m

        Returns
        -------
        array, m
        """
        u = np.asarray(x) / self.width
        return 190 + 55 * np.sin(2 * np.pi * (0.75 * u + 0.1)) + 18 * np.sin(2 * np.pi * (2.2 * u + 0.4))

    def model(self, grid: Grid) -> Model:
        """Return the true model.

        Parameters
        ----------
        grid : Grid

        Returns
        -------
        Model
            vp, m/s.
        """
        random = np.random.default_rng(self.seed)
        z, x = grid.coordinates("z")[:, None], grid.coordinates("x")[None]
        floor = self.floor(x)
        burial = np.maximum(z - floor, 0.0)
        level = self._level(z, x, random)
        vp = self.trend(burial) + self._layers(level, random)
        vp = vp + self._bodies(level, x) + self._texture(z, x, random)
        return Model(grid, vp=np.where(z < floor, WATER, np.clip(vp, WATER + 20, 4200)).astype(np.float32))

    def start(self, grid: Grid) -> Model:
        """Return the starting model: the water and a velocity that grows with burial.

        Parameters
        ----------
        grid : Grid

        Returns
        -------
        Model
            vp, m/s.
        """
        z, x = grid.coordinates("z")[:, None], grid.coordinates("x")[None]
        floor = self.floor(x)
        vp = np.where(z < floor, WATER, self.trend(np.maximum(z - floor, 0.0)))
        return Model(grid, vp=vp.astype(np.float32))

    @staticmethod
    def trend(burial: np.ndarray) -> np.ndarray:
        """Return the velocity of compacting rock.

        Parameters
        ----------
        burial : array, m
            Depth below the seafloor.

        Returns
        -------
        array, m/s
        """
        return 1650 + 1.15 * burial - 1.0e-4 * burial**2

    def _level(self, z: np.ndarray, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Depth at which a point was laid down, m, before folding and faulting."""
        u = x / self.width
        growth = np.clip((z - 150) / 900, 0, 1.4)
        fold = 105 * np.sin(2 * np.pi * (1.1 * u + 0.15)) + 32 * np.sin(2 * np.pi * (2.6 * u + 0.55))
        level = z + growth * fold
        for place, dip, throw in ((0.27, 65, 85), (0.56, -62, 110), (0.8, 58, -70)):
            fault = place * self.width + (z - 900) / np.tan(np.radians(dip))
            slip = throw * np.clip((z - 350) / 450, 0, 1) * random.uniform(0.9, 1.1)
            level = level - slip / (1 + np.exp(-np.clip((x - fault) / 10.0, -60, 60)))
        return level

    def _layers(self, level: np.ndarray, random: np.random.Generator) -> np.ndarray:
        tops = np.cumsum(random.uniform(70, 190, 40)) - 300
        steps = random.uniform(60, 230, 40) * np.where(np.arange(40) % 2, -1, 1) * random.uniform(0.6, 1.2, 40)
        return steps[np.clip(np.searchsorted(tops, level) - 1, 0, 39)]

    def _bodies(self, level: np.ndarray, x: np.ndarray) -> np.ndarray:
        lens = ((x - 0.42 * self.width) / 560) ** 2 + ((level - 960) / 95) ** 2 < 1
        off = (x - 0.68 * self.width) / 330
        channel = (np.abs(off) < 1) & (level > 430) & (level < 530 - 90 * off**2)
        return 430.0 * lens - 260.0 * channel

    def _texture(self, z: np.ndarray, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Random waves of 150 to 600 m, 12 m/s RMS, the same on every grid."""
        out = np.zeros(np.broadcast_shapes(z.shape, x.shape))
        for _ in range(60):
            length, angle, phase = random.uniform(150, 600), random.normal(0, 0.35), random.uniform(0, 2 * np.pi)
            k = 2 * np.pi / length
            out += np.cos(k * (np.cos(angle) * z + 0.3 * np.sin(angle) * x) + phase)
        return 12.0 * out / np.sqrt(30)
