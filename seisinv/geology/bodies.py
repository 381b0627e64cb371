"""Bodies that interrupt the beds: channels, lenses, sills, flows and salt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.geology.curves import Curve


@dataclass(frozen=True, eq=False)
class Bed:
    """A body of limited extent in the beds of one sequence, folded and faulted with them.

    It lies within `above` and `below` metres of a surface at `level` + `bend` r², where r = |x − place| / half, times
    (1 − r^blunt): a channel has nothing above and a parabola below, a lens is blunt 2 on both sides, a sill blunt 8.

    Parameters
    ----------
    era : int
        The sequence it lies in.
    place, half, level, bend, above, below : float, m
    blunt : float
    rock : int
        Kind of rock (`rocks`).
    velocity : float
        Of a sediment, relative to the bed it replaces; else vp in m/s.
    """

    era: int
    place: float
    half: float
    level: float
    bend: float
    above: float
    below: float
    blunt: float
    rock: int
    velocity: float

    def inside(self, level: np.ndarray, x: np.ndarray, era: np.ndarray) -> np.ndarray:
        """Which points lie in the body, given their level (m), place (m) and sequence."""
        r = np.minimum(np.abs(x - self.place) / self.half, 1)
        shape = 1 - r**self.blunt
        away = level - self.level - self.bend * r * r
        return (away > -self.above * shape) & (away < self.below * shape) & (era == self.era)


@dataclass(frozen=True, eq=False)
class Salt:
    """A salt body in today's coordinates: a dome rooted at `base`, or a sheet.

    With r = |x − place − lean (base − z)| / half(z), half(z) = half · (1 + rough(z)), the top is at
    base − height · (1 − r^blunt)^(1 / blunt). A sheet has 0.65 of that height above its middle and 0.35 below; its
    middle is at base + tilt · (x − place).

    Parameters
    ----------
    place, half, base, height : float, m
    lean, blunt : float
    sheet : bool
    tilt : float
        Slope of a sheet.
    rough : Curve
        Relative change of the half-width with depth (of the height with x for a sheet).
    velocity : float, m/s
    """

    place: float
    half: float
    base: float
    height: float
    lean: float
    blunt: float
    sheet: bool
    tilt: float
    rough: Curve
    velocity: float

    def inside(self, z: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Which points (m) lie in the salt."""
        if self.sheet:
            along = x - self.place
            r = np.minimum(np.abs(along) / self.half, 1)
            shape = self.height * (1 - r**self.blunt) ** (1 / self.blunt) * (1 + self.rough(x))
            away = z - self.base - self.tilt * along
            return (away < 0.35 * shape) & (away > -0.65 * shape) & (shape > 0)
        along = x - self.place - self.lean * (self.base - z)
        r = np.minimum(np.abs(along) / (self.half * (1 + self.rough(z))), 1)
        top = self.base - self.height * (1 - r**self.blunt) ** (1 / self.blunt)
        return (z > top) & (z < self.base) & (r < 1)
