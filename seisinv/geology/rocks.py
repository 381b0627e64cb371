"""Rocks: what velocity a layer has, and the S velocity and density that go with it.

Sediments: vs = (vp − 1360) / 1.16 (the mudrock line of Castagna, Batzle & Eastwood 1985, doi:10.1190/1.1441933, eq. 1;
water-saturated clastic rocks, vp about 1500 to 4500 m/s) and ρ = 310 vp^0.25 (Gardner, Gardner & Gregory 1974,
doi:10.1190/1.1440465; sedimentary rocks at vp about 1500 to 6000 m/s). Carbonates are given the same relations, which
puts their vs up to a tenth too high. Salt, basalt and basement have one density and one vp / vs each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WATER, SEDIMENT, SALT, BASALT, BASEMENT = range(5)

# Density, kg/m³, and vp / vs of rocks that are not sediments.
DENSITY = {WATER: 1025.0, SALT: 2160.0, BASALT: 2750.0, BASEMENT: 2670.0}
RATIO = {SALT: 1.76, BASALT: 1.85, BASEMENT: 1.73}


def s_velocity(vp: np.ndarray, rock: np.ndarray) -> np.ndarray:
    """Return vs, m/s, for vp in m/s and the kind of rock; 0 in water."""
    vs = (vp - 1360.0) / 1.16
    for kind, ratio in RATIO.items():
        vs = np.where(rock == kind, vp / ratio, vs)
    return np.where(rock == WATER, 0.0, vs)


def density(vp: np.ndarray, rock: np.ndarray) -> np.ndarray:
    """Return ρ, kg/m³, for vp in m/s and the kind of rock."""
    rho = 310.0 * vp**0.25
    for kind, value in DENSITY.items():
        rho = np.where(rock == kind, value, rho)
    return rho


@dataclass(frozen=True)
class Compaction:
    """Velocity of an average sediment at a depth of burial b: v∞ − (v∞ − v₀) exp(−b / ℓ).

    Parameters
    ----------
    top, deep : float, m/s
        v₀ and v∞.
    length : float, m
        ℓ.
    """

    top: float
    deep: float
    length: float

    def __call__(self, burial: np.ndarray) -> np.ndarray:
        """Return the velocity, m/s, at a depth of burial in metres."""
        return self.deep - (self.deep - self.top) * np.exp(-np.maximum(burial, 0) / self.length)


@dataclass(frozen=True, eq=False)
class Layers:
    """The beds of one sequence.

    Parameters
    ----------
    tops : (n,) array, m
        Level at which each begins, growing.
    factors : (n,) array
        Velocity relative to the compaction trend.
    """

    tops: np.ndarray
    factors: np.ndarray

    @classmethod
    def draw(
        cls, random: np.random.Generator, span: tuple[float, float], *, thickness: float, spread: float, jump: float
    ) -> Layers:
        """Draw beds over `span` (m), log-normal thickness of median `thickness` (m) and logarithmic `spread`.

        Factors are exp of a normal variable of deviation `jump`, either correlated from bed to bed or alternating;
        a few beds are hard (carbonate, 1.2 to 1.45) or soft (gas, coal, overpressure, 0.78 to 0.9).
        """
        # A slow change of thickness along the pile gives packages of thin and of thick beds.
        count = int(2 * (span[1] - span[0]) / thickness) + 8
        drift = 0.5 * np.sin(2 * np.pi * (np.arange(count) / random.uniform(8, 40) + random.uniform()))
        thick = thickness * np.exp(drift + spread * random.standard_normal(count))
        tops = span[0] + np.cumsum(thick) - thick
        tops = tops[tops < span[1]]
        n = len(tops)
        steps = random.standard_normal(n) * jump
        if random.uniform() < 0.4:
            steps = 0.5 * steps + np.where(np.arange(n) % 2, -1, 1) * jump * random.uniform(0.6, 1.1)
        else:
            for k in range(1, n):
                steps[k] = 0.5 * steps[k - 1] + 0.87 * steps[k]
        kind, size = random.uniform(size=n), random.uniform(size=n)
        scale = min(1.0, jump / 0.08)
        steps = np.where(kind < 0.06, np.log(1.2 + 0.25 * size) * scale, steps)
        steps = np.where(kind > 0.96, np.log(0.78 + 0.12 * size) * scale, steps)
        return cls(tops, np.exp(np.clip(steps, -0.3, 0.4)))
