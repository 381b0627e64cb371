"""Folds, clinoforms and faults: each takes points back to where they were before it moved them.

Depth is in metres below the top of the model, positive down; arrays of z and x need only be broadcastable.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from seisinv.geology.curves import Curve, ramp


class Deformation(abc.ABC):
    """Something that moved the rocks."""

    @abc.abstractmethod
    def undo(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions (z, x), m, before the deformation of the points now at (z, x)."""


@dataclass(frozen=True, eq=False)
class Fold(Deformation):
    """Vertical shear z ← z − f(x) a(z), with a growing from `share` at `tip` to 1 over `growth` metres.

    With share < 1 the strata between thicken away from the crests: growth strata. Beds stay in order while
    |f| < growth / (1.5 (1 − share)).

    Parameters
    ----------
    shape : Curve, m
        f, positive where rocks moved down.
    tip, growth : float, m
    share : float
    """

    shape: Curve
    tip: float = 0.0
    growth: float = 1.0
    share: float = 1.0

    def undo(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (z − f(x) a(z), x)."""
        moved = self.shape(x)
        if self.share < 1:
            moved = moved * (self.share + (1 - self.share) * ramp((z - self.tip) / self.growth))
        return z - moved, x


@dataclass(frozen=True, eq=False)
class Fading(Deformation):
    """Vertical shear z ← z − f(x) exp(−(z − top)₊ / depth): beds that follow a surface above them, less with depth.

    Parameters
    ----------
    shape : Curve, m
        f; its absolute value must stay below `depth`.
    top, depth : float, m
    """

    shape: Curve
    top: float
    depth: float

    def undo(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (z − f(x) exp(−(z − top)₊ / depth), x)."""
        return z - self.shape(x) * np.exp(-np.maximum(z - self.top, 0) / self.depth), x


@dataclass(frozen=True, eq=False)
class Field(Deformation):
    """Vertical shear by a random field Σ pᵢ(z) qᵢ(x): beds that swell and thin."""

    terms: tuple[tuple[Curve, Curve], ...]

    def undo(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (z − Σ pᵢ(z) qᵢ(x), x)."""
        return z - sum((p(z) * q(x) for p, q in self.terms), np.zeros(())), x


@dataclass(frozen=True)
class Clinoforms(Deformation):
    """A slope that advanced while beds were laid down: z ← z − height / (1 + exp(−(x − place − advance z) / width)).

    Beds stay in order while |advance| height < 4 |width|.

    Parameters
    ----------
    place, height, width : float, m
        Where the slope crosses z = 0; how much deeper its foot lies; a quarter of its length, negative if it faces −x.
    advance : float
        Metres sideways per metre of depth.
    """

    place: float
    height: float
    width: float
    advance: float

    def undo(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the position in the pile of beds."""
        t = (x - self.place - self.advance * z) / self.width
        return z - 0.5 * self.height * (1 + np.tanh(0.5 * t)), x


@dataclass(frozen=True)
class Fault(Deformation):
    """A normal, listric or reverse fault; its hanging wall slid along it, sheared vertically to stay in touch with it.

    The surface is F(ξ) = b (1 − exp(−ξ s / b)) for ξ > 0 and s ξ above, with ξ = side · (x − place): slope s where it
    meets z = 0, flattening into a detachment at depth b. A point of the hanging wall, z < F, came from x − side · h and
    z − F(ξ) + F(ξ − h): on a plane surface a rigid slide, on a curved one with the rollover of vertical shear (the
    chevron construction of Verrall 1981; White, Jackson & McKenzie 1986, J. Struct. Geol. 8, 897).

    Parameters
    ----------
    place : float, m
        Where the surface meets z = 0.
    side : 1 or -1
        The side to which it dips.
    slope : float
        s, the tangent of its dip at z = 0.
    detachment : float, m
        b.
    heave : float, m
        h of fully faulted beds; positive for a normal fault, negative for a reverse one.
    tip, growth : float, m
        The slip is 0 above `tip` and grows to its full value over `growth` metres: a fault that moved while beds were
        laid down. Beds stay in order while s |h| < growth / 1.5.
    reach : float, m
        Distance at which the slip has fallen to half.
    """

    place: float
    side: int
    slope: float
    detachment: float
    heave: float
    tip: float
    growth: float
    reach: float

    def surface(self, along: np.ndarray) -> np.ndarray:
        """Depth of the fault surface, m, at a distance ξ (m) from where it meets z = 0, on the side it dips to."""
        q = np.maximum(along, 0) * (self.slope / self.detachment)
        return self.slope * np.minimum(along, 0) - self.detachment * np.expm1(-q)

    def undo(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the points of the hanging wall came from."""
        along = self.side * (x - self.place)
        depth = self.surface(along)
        slip = self.heave * ramp((z - self.tip) / self.growth) / (1 + (along / self.reach) ** 2)
        hanging = z < depth
        before = self.surface(along - slip)
        return np.where(hanging, z - depth + before, z), np.where(hanging, x - self.side * slip, x)
