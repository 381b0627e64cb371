"""A drawn earth: a function of position, made of sequences of beds, what deformed them, and bodies in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.geology.bodies import Bed, Salt
from seisinv.geology.curves import Curve, Texture
from seisinv.geology.rocks import BASEMENT, SALT, SEDIMENT, WATER, Compaction, Layers
from seisinv.geology.structure import Deformation

# Distance between the levels of one sequence and those of the next, m, so that one search finds the bed of any point.
APART = 1e6

# All velocities lie within, m/s.
VELOCITIES = (1450.0, 5500.0)


@dataclass(frozen=True, eq=False)
class Sequence:
    """Beds laid down between two erosions.

    Parameters
    ----------
    deformations : tuple of Deformation
        What happened to these beds and all older ones before the next younger sequence was laid down, last first.
    base : Curve or None, m
        The erosion surface below, before `deformations`; None: the oldest.
    layers : Layers
    buried : float, m
        How much deeper than its level a bed once lay.
    basement : float, m/s
        If positive, the sequence is crystalline rock of this velocity.
    """

    deformations: tuple[Deformation, ...]
    base: Curve | None
    layers: Layers
    buried: float
    basement: float = 0.0


@dataclass(frozen=True, eq=False)
class Earth:
    """All that was drawn for one model; depths in metres below its top, places in metres from its left edge.

    Parameters
    ----------
    floor : Curve or None, m
        Depth of the seafloor; None on land.
    water : float, m/s
    weathered : (Curve, float) or None
        Depth of the base of the weathered layer (m) and its velocity (m/s).
    sequences : tuple of Sequence, youngest first
    trend : Compaction
    gradient : (float, float)
        Share of the trend followed within a bed, and share of today's burial that counts besides that at deposition.
    texture : Texture
    roughness : float
        Relative deviation of the texture.
    beds : tuple of Bed
    salt : Salt or None
    limits : (float, float), m/s
        Of sediments.
    """

    floor: Curve | None
    water: float
    weathered: tuple[Curve, float] | None
    sequences: tuple[Sequence, ...]
    trend: Compaction
    gradient: tuple[float, float]
    texture: Texture
    roughness: float
    beds: tuple[Bed, ...]
    salt: Salt | None
    limits: tuple[float, float]

    def sample(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return vp (m/s) and the kind of rock, [z, x], at depths `z` and places `x` (m, 1-D)."""
        now, here = np.broadcast_to(z[:, None], (len(z), len(x))), x[None]
        level, place, era = self.restore(now, here)
        vp = self._velocity(now, level, era)
        rock = np.full(vp.shape, SEDIMENT, np.int8)
        if self.sequences[-1].basement:
            oldest = era == len(self.sequences) - 1
            vp[oldest], rock[oldest] = self.sequences[-1].basement, BASEMENT
        for bed in self.beds:
            inside = bed.inside(level, place, era)
            if bed.rock == SEDIMENT:
                vp[inside] = np.clip(vp[inside] * bed.velocity, *self.limits)
            else:
                vp[inside], rock[inside] = bed.velocity, bed.rock
        vp = np.clip(vp * (1 + self.roughness * self.texture(level, place)), *VELOCITIES)
        if self.salt is not None:
            inside = self.salt.inside(now, here)
            vp[inside], rock[inside] = self.salt.velocity, SALT
        if self.weathered is not None:
            loose = z[:, None] < self.weathered[0](x)
            vp[loose], rock[loose] = self.weathered[1], SEDIMENT
        if self.floor is not None:
            wet = z[:, None] < self.floor(x)
            vp[wet], rock[wet] = self.water, WATER
        return vp, rock

    def restore(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the level and place (m) at which each point was laid down, and its sequence's number."""
        era = np.zeros(z.shape, np.int8)
        for k, sequence in enumerate(self.sequences):
            before, there = z, x
            for deformation in sequence.deformations:
                before, there = deformation.undo(before, there)
            older = era == k
            z, x = (before, there) if k == 0 else (np.where(older, before, z), np.where(older, there, x))
            if sequence.base is not None:
                era[older & (z > sequence.base(x))] = k + 1
        return z, x, era

    def _velocity(self, now: np.ndarray, level: np.ndarray, era: np.ndarray) -> np.ndarray:
        shift = APART * np.arange(len(self.sequences))
        tops = np.concatenate([s.layers.tops + d for s, d in zip(self.sequences, shift, strict=True)])
        factors = np.concatenate([s.layers.factors for s in self.sequences])
        middle = np.concatenate(
            [s.layers.tops + 0.5 * np.diff(s.layers.tops, append=s.layers.tops[-1]) for s in self.sequences]
        )
        buried = np.concatenate([np.full(len(s.layers.tops), s.buried) for s in self.sequences])
        level = np.maximum(level, tops[0])
        bed = np.searchsorted(tops, level + shift[era], side="right") - 1
        within, today = self.gradient
        if within == today == 0:
            return np.clip(self.trend(middle + buried) * factors, *self.limits)[bed]
        at = (middle + buried)[bed] + within * (level - middle[bed]) + today * (now - level)
        return np.clip(self.trend(at) * factors[bed], *self.limits)
